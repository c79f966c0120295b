//! A release recorded as the version that the devices say which run its file.
//!
//! Where a sketch's number was not raised before it was built, its devices take the release and go
//! on to call themselves otherwise. Either a corrected build follows, or the file is recorded as
//! what it says of itself.

use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::device::{Approval, AttemptState};
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::release::{Release, ReleaseState};
use crate::domain::rollout::Member;
use crate::domain::tally::Hold;
use crate::domain::version::FirmwareVersion;
use crate::store::ReleaseFilter;

/// What devices call the file of a release that was published as something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherName {
    /// The version that they say.
    pub version: FirmwareVersion,
    /// The approved devices that say so.
    pub devices: Vec<MacAddr>,
    /// Another release of the platform that has this version: then it cannot be recorded.
    pub taken: Option<i64>,
}

impl App {
    /// What the devices say that run the file of a release and call themselves otherwise; what most
    /// of them say comes first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn other_names(&self, release: &Release) -> Result<Vec<OtherName>, Error> {
        let (shelf, mut names) = (self.shelf(), Vec::<OtherName>::new());
        self.0.fleet.each(|mac, live| {
            let own = live.approval == Approval::Approved
                && live.platform_id.is_some()
                && live.platform_id == release.platform_id;
            let Some(report) = live.program().filter(|_| own) else { return };
            let running = shelf.running_on(report, live.platform_id);
            if running.is_none_or(|running| running.release.id != release.id) {
                return;
            }
            let Some(version) = report.version.as_deref().map(FirmwareVersion::read) else {
                return;
            };
            if release.version.as_ref() == Some(&version) || version.is_stepping_stone() {
                return;
            }
            match names.iter_mut().find(|own| own.version == version) {
                Some(own) => own.devices.push(mac),
                None => names.push(OtherName { version, devices: vec![mac], taken: None }),
            }
        });
        if names.is_empty() {
            return Ok(names);
        }
        let filter = ReleaseFilter { platform_id: release.platform_id, ..ReleaseFilter::default() };
        let others = self.0.store.releases(&filter).await?;
        let others = others.iter().filter(|own| own.state != ReleaseState::Draft);
        let others: Vec<_> = others.filter(|own| own.id != release.id).collect();
        for name in &mut names {
            let same = |own: &&&Release| own.version.as_ref() == Some(&name.version);
            name.taken = others.iter().find(same).map(|own| own.id);
            name.devices.sort_unstable();
        }
        names.sort_by_key(|name| std::cmp::Reverse(name.devices.len()));
        Ok(names)
    }

    /// Records a release as the version that devices say which run its file: they have it from then
    /// on, and are confirmed.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::State`] where no device that runs its file says that version,
    /// or another release has it.
    pub async fn record_as(
        &self,
        id: i64,
        version: &FirmwareVersion,
        actor: &Actor,
    ) -> Result<Release, Error> {
        let _changing = self.0.changing.lock().await;
        let release = self.0.store.release(id).await?.ok_or(Error::NotFound("release"))?;
        if release.state == ReleaseState::Draft {
            return Err(Error::State("a draft is published as the version that you choose"));
        }
        let mut names = self.other_names(&release).await?.into_iter();
        let name = names.find(|name| name.version == *version).ok_or(Error::State(
            "the version of a release can only be corrected to one that a device says which runs \
             its file; otherwise delete it and upload the file again",
        ))?;
        if name.taken.is_some() {
            return Err(Error::State(
                "another release of this platform has that version; upload a corrected build",
            ));
        }
        let now = self.now();
        let mut confirmed = Vec::new();
        for mac in &name.devices {
            confirmed.extend(self.0.fleet.with(*mac, |live| live.id));
        }
        self.0.store.record_as(id, &name.version, &confirmed, now).await?;
        self.call_otherwise(id, &name);
        self.restock().await?;
        if let Some(gate) = self.shelf().gate(id) {
            for device_id in &confirmed {
                gate.watch.note(*device_id, Member::Confirmed, now);
            }
        }
        let (was, version) = (release.title(), &name.version);
        let devices = match name.devices.len() {
            1 => "a device that runs its file says".to_owned(),
            count => format!("{count} devices that run its file say"),
        };
        let text = format!("{was} was recorded as {version}: that is what {devices}.");
        let event = Event::new(now, Kind::ReleaseEdited, text).about(id).by(actor);
        let deed = format!("recorded {was} as {version}, which is what {devices}");
        self.record(event.on(release.platform.as_deref()).does(deed)).await?;
        self.0.store.release(id).await?.ok_or(Error::NotFound("release"))
    }

    /// The same in memory.
    fn call_otherwise(&self, release_id: i64, name: &OtherName) {
        for mut shard in self.0.fleet.shards() {
            for (mac, live) in &mut shard.devices {
                let says_so = name.devices.contains(mac);
                let attempt = live.attempt.as_deref_mut();
                if let Some(attempt) = attempt.filter(|own| own.release_id == Some(release_id)) {
                    name.version.as_str().clone_into(&mut attempt.version);
                    if says_so && attempt.state == AttemptState::NotTaken {
                        attempt.state = AttemptState::Confirmed;
                    }
                }
                if says_so {
                    let lifted = |own: &crate::domain::tally::Tally| {
                        own.release_id == release_id && own.hold == Some(Hold::ReportsOther)
                    };
                    live.tallies.retain(|own| !lifted(own));
                }
            }
        }
    }
}
