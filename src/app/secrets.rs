//! Secrets of devices: made, replaced with an overlap, ended.
//!
//! A new secret stands beside the old one. For each device the old one ends when that device was
//! seen with the new one; for all, when every approved device was, or when a person says so.

use std::collections::HashMap;
use std::sync::Arc;

use super::accounts::random;
use super::proof_check::secrets_for;
use super::shelf::ShelfPlatform;
use super::{App, Error};
use crate::domain::actor::Actor;
use crate::domain::device::Approval;
use crate::domain::device_secret::{Kept, Secrets, made, typed};
use crate::domain::event::{Event, Kind};
use crate::domain::mac::MacAddr;
use crate::domain::proof::{ProofKind, ProofSeen, ProofStanding, SecretShown, look};
use crate::domain::secret::Secret;
use crate::store::SecretOwner;

/// Devices that are named at most, where all of them are counted.
const NAMED: usize = 20;

/// How the approved devices of a platform stand to its secrets.
#[derive(Debug, Clone, Default)]
pub struct ProofCount {
    /// How many there are.
    pub devices: u64,
    /// How many of them stand so.
    standings: HashMap<ProofStanding, u64>,
    /// For how many of them somebody came without the secret although they are proven.
    pub doubted: u64,
    /// Some of those that do not use the newest secret.
    pub others: Vec<(MacAddr, ProofStanding)>,
}

impl ProofCount {
    /// How many stand so.
    #[must_use]
    pub fn of(&self, standing: ProofStanding) -> u64 {
        self.standings.get(&standing).copied().unwrap_or(0)
    }

    /// How many would be let in if proof were demanded.
    #[must_use]
    pub fn proven(&self) -> u64 {
        self.of(ProofStanding::Newest) + self.of(ProofStanding::Old)
    }

    fn add(&mut self, mac: MacAddr, standing: ProofStanding) {
        self.devices += 1;
        *self.standings.entry(standing).or_default() += 1;
        if standing != ProofStanding::Newest && self.others.len() < NAMED {
            self.others.push((mac, standing));
        }
    }
}

/// How one device stands to its secrets.
#[derive(Debug, Clone, Copy)]
pub struct DeviceProof {
    /// What its platform wants.
    pub kind: ProofKind,
    /// The secrets that it may show there.
    pub secrets: Secrets,
    /// The secrets that are its own, whatever its platform wants.
    pub own: Secrets,
    /// How it stands to the former.
    pub standing: ProofStanding,
    /// Whether somebody used its MAC address without the secret within a day.
    pub doubted: bool,
}

/// The secret that is wished for: typed by a person, else made here.
fn wished(text: Option<&str>) -> Result<(Secret, bool), Error> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => Ok((typed(text)?, true)),
        None => Ok((made(&random()?), false)),
    }
}

/// The secret whose place a new one takes, if two are good already.
fn replaced(secrets: &Secrets, newest_is_in_use: bool) -> Result<Option<i64>, Error> {
    match (secrets.newest, secrets.old) {
        (Some(_), Some(_)) if newest_is_in_use => Err(Error::State(
            "two secrets are good already, and devices use the newer one; end the old one first",
        )),
        // Nobody has the newest yet, so it is of no use: it was lost, say.
        (Some(newest), Some(_)) => Ok(Some(newest.id)),
        _ => Ok(None),
    }
}

impl App {
    /// Makes a secret that all devices of a platform share; the one before stays good beside it.
    /// This is the only time it can be seen.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DeviceSecret`], [`Error::State`] where its devices share none,
    /// or where two are in use already.
    pub async fn make_platform_secret(
        &self,
        platform: &str,
        text: Option<&str>,
        actor: &Actor,
    ) -> Result<Secret, Error> {
        let (secret, typed) = wished(text)?;
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(platform)?;
        if entry.platform.proof.kind != ProofKind::Shared {
            return Err(Error::State("choose first that its devices share one secret"));
        }
        let newest = entry.secrets.newest.map(|kept| kept.id);
        let used = newest.is_some_and(|id| self.is_used(id));
        let instead_of = replaced(&entry.secrets, used)?;
        let (owner, now) = (SecretOwner::Platform(entry.platform.id), self.now());
        let digest = self.0.proof_check.digest(&secret);
        self.0.store.add_secret(owner, &digest, typed, instead_of, now).await?;
        self.restock().await?;
        let name = entry.platform.name.as_str();
        let text = match newest {
            None => format!("The devices of {name} have a secret now."),
            Some(_) => format!(
                "The devices of {name} have a new secret; the old one is good until they were \
                 seen with the new one."
            ),
        };
        let deed = format!("made a secret for the devices of {name}");
        let event = Event::new(now, Kind::SecretMade, text).on(Some(name)).by(actor);
        self.record(event.does(deed)).await?;
        Ok(secret)
    }

    /// Makes a secret of one device; the one before stays good beside it. This is the only time it
    /// can be seen.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DeviceSecret`], [`Error::State`] where two are in use already.
    pub async fn make_device_secret(
        &self,
        mac: MacAddr,
        text: Option<&str>,
        actor: &Actor,
    ) -> Result<Secret, Error> {
        let (secret, typed) = wished(text)?;
        let _changing = self.0.changing.lock().await;
        let state = |live: &mut super::fleet::Live| {
            let own = live.secrets.as_deref().copied().unwrap_or_default();
            (live.id, own, live.learnt.proof)
        };
        let (id, own, seen) = self.0.fleet.with(mac, state).ok_or(Error::NotFound("device"))?;
        let used = own.newest.is_some_and(|kept| seen.secret == Some(kept.id));
        let instead_of = replaced(&own, used)?;
        let (digest, now) = (self.0.proof_check.digest(&secret), self.now());
        let owner = SecretOwner::Device(id);
        let number = self.0.store.add_secret(owner, &digest, typed, instead_of, now).await?;
        let kept = Kept { id: number, digest, typed, made_at: now };
        let own = match instead_of {
            Some(_) => Secrets { newest: Some(kept), old: own.old },
            None => own.with(kept),
        };
        self.0.fleet.with(mac, |live| live.secrets = Some(Box::new(own)));
        let text = match own.old {
            None => "Has a secret now.",
            Some(_) => "Has a new secret; the old one is good until it was seen with the new one.",
        };
        let event = Event::new(now, Kind::SecretMade, text).of(mac).by(actor);
        self.record(event.does(format!("made a secret for {mac}"))).await?;
        Ok(secret)
    }

    /// Ends the old secret of a platform at once: who has only that is let in no more.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none.
    pub async fn end_old_platform_secret(
        &self,
        platform: &str,
        actor: &Actor,
    ) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        let entry = self.entry(platform)?;
        let old = entry.secrets.old.ok_or(Error::NotFound("old secret"))?;
        self.0.store.end_secret(old.id).await?;
        self.restock().await?;
        let name = entry.platform.name.as_str();
        let text = format!("The old secret of {name} was ended.");
        let event = Event::new(self.now(), Kind::SecretEnded, text).on(Some(name)).by(actor);
        self.record(event.does(format!("ended the old secret of {name}"))).await
    }

    /// Ends the old secret of a device at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none.
    pub async fn end_old_device_secret(&self, mac: MacAddr, actor: &Actor) -> Result<(), Error> {
        let _changing = self.0.changing.lock().await;
        let own = self.0.fleet.with(mac, |live| live.secrets.as_deref().copied());
        let own = own.ok_or(Error::NotFound("device"))?.unwrap_or_default();
        let old = own.old.ok_or(Error::NotFound("old secret"))?;
        self.forget_old(mac, old.id).await?;
        let text = "Its old secret was ended.";
        let event = Event::new(self.now(), Kind::SecretEnded, text).of(mac).by(actor);
        self.record(event.does(format!("ended the old secret of {mac}"))).await
    }

    /// Ends the old secrets that no device needs any more.
    ///
    /// # Errors
    /// Where the database fails; the next time makes up for it.
    pub async fn end_rotations(&self) -> Result<(), Error> {
        // First, so that whoever wants them ended waits for those who are at it.
        let _changing = self.0.changing.lock().await;
        if !self.0.proof_check.has_rotated() {
            return Ok(());
        }
        let ended = self.end_unneeded().await;
        if ended.is_err() {
            self.0.proof_check.rotate();
        }
        ended
    }

    async fn end_unneeded(&self) -> Result<(), Error> {
        let now = self.now();
        let mut done: Vec<(MacAddr, i64)> = Vec::new();
        self.0.fleet.each(|mac, live| {
            let own = live
                .secrets
                .as_deref()
                .filter(|own| live.learnt.proof.secret.is_some_and(|id| own.is_newest(id)));
            done.extend(own.and_then(|own| own.old).map(|old| (mac, old.id)));
        });
        for (mac, old) in done {
            self.forget_old(mac, old).await?;
            let text = "Was seen with its new secret; the old one has ended.";
            let event = Event::new(now, Kind::SecretEnded, text).of(mac);
            let event = event
                .by(Actor::machine())
                .does(format!("ended the old secret of {mac}, which uses the new one"));
            self.record(event).await?;
        }
        let shelf = self.shelf();
        for entry in shelf.platforms() {
            let Some(old) = entry.secrets.old.filter(|_| self.all_have_the_newest(entry)) else {
                continue;
            };
            self.0.store.end_secret(old.id).await?;
            self.restock().await?;
            let name = entry.platform.name.as_str();
            let text = format!("All devices of {name} use the new secret; the old one has ended.");
            let event = Event::new(now, Kind::SecretEnded, text).on(Some(name));
            let deed = format!("ended the old secret of {name}, whose devices all use the new one");
            let event = event.by(Actor::machine()).does(deed);
            self.record(event).await?;
        }
        Ok(())
    }

    async fn forget_old(&self, mac: MacAddr, old: i64) -> Result<(), Error> {
        self.0.store.end_secret(old).await?;
        self.0.fleet.with(mac, |live| {
            if let Some(own) = live.secrets.as_deref_mut().filter(|own| own.is_old(old)) {
                own.old = None;
            }
        });
        Ok(())
    }

    /// Whether every approved device was seen with the newest secret that it shares.
    fn all_have_the_newest(&self, entry: &ShelfPlatform) -> bool {
        if entry.platform.proof.kind != ProofKind::Shared {
            return false;
        }
        let (mut devices, mut lacking) = (0_u64, 0_u64);
        self.0.fleet.each(|_, live| {
            if live.platform_id == Some(entry.platform.id) && live.approval == Approval::Approved {
                devices += 1;
                let seen = live.learnt.proof.secret;
                lacking += u64::from(!seen.is_some_and(|id| entry.secrets.is_newest(id)));
            }
        });
        devices > 0 && lacking == 0
    }

    /// Whether a device was seen with this secret.
    fn is_used(&self, secret: i64) -> bool {
        let mut used = false;
        self.0.fleet.each(|_, live| used |= live.learnt.proof.secret == Some(secret));
        used
    }

    fn entry(&self, platform: &str) -> Result<Arc<ShelfPlatform>, Error> {
        self.shelf().platform(platform).cloned().ok_or(Error::NotFound("platform"))
    }

    /// How the approved devices of a platform stand to its secrets.
    #[must_use]
    pub fn proof_count(&self, entry: &ShelfPlatform) -> ProofCount {
        let (mut count, now) = (ProofCount::default(), self.now());
        self.0.fleet.each(|mac, live| {
            if live.platform_id == Some(entry.platform.id) && live.approval == Approval::Approved {
                let secrets = secrets_for(entry, live);
                count.add(mac, ProofStanding::of(live.learnt.proof, secrets, now));
                count.doubted += u64::from(live.learnt.proof.is_doubted(now));
            }
        });
        // Those that a person waits for come first, and always in the same order.
        count.others.sort_unstable_by_key(|(mac, standing)| (!standing.is_proven(), *mac));
        count
    }

    /// How a device stands to its secrets; `None` where there is no such device.
    #[must_use]
    pub fn device_proof(&self, mac: MacAddr) -> Option<DeviceProof> {
        let (shelf, now) = (self.shelf(), self.now());
        self.0.fleet.with(mac, |live| {
            let entry = live.platform_id.and_then(|id| shelf.platform_by_id(id));
            let own = live.secrets.as_deref().copied().unwrap_or_default();
            let secrets = entry.map_or(own, |entry| *secrets_for(entry, live));
            DeviceProof {
                kind: entry.map_or(ProofKind::None, |entry| entry.platform.proof.kind),
                own,
                secrets,
                standing: ProofStanding::of(live.learnt.proof, &secrets, now),
                doubted: live.learnt.proof.is_doubted(now),
            }
        })
    }

    /// The platforms that demand a proof, and whose secret this is. A catalog is asked for without
    /// a MAC address: of a platform whose devices have secrets of their own any of them opens it.
    pub(super) fn opened_by(&self, secret: Option<&Secret>, address: std::net::IpAddr) -> Vec<i64> {
        let shelf = self.shelf();
        let Some(secret) = secret else { return Vec::new() };
        let demanding: Vec<_> = shelf.demanding().collect();
        if demanding.is_empty() {
            return Vec::new();
        }
        let digest = self.0.proof_check.digest(secret);
        let fits = |secrets: &Secrets| {
            matches!(look(secrets, &digest, ProofSeen::default()), SecretShown::Right(_))
        };
        let open = || {
            let mut opened: Vec<i64> = Vec::new();
            for entry in &demanding {
                let (id, kind) = (entry.platform.id, entry.platform.proof.kind);
                let mut found = kind == ProofKind::Shared && fits(&entry.secrets);
                if kind == ProofKind::PerDevice {
                    self.0.fleet.each(|_, live| {
                        let own = live.platform_id == Some(id);
                        let own = own && live.approval == Approval::Approved;
                        found |= own && live.secrets.as_deref().is_some_and(fits);
                    });
                }
                if found {
                    opened.push(id);
                }
            }
            opened.sort_unstable();
            opened
        };
        self.0.proof_check.opened(address, &digest, self.now(), open)
    }
}
