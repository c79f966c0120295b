//! Devices in the database.

use sqlx::FromRow;

use super::checkins::write_news;
use super::learnt::LearntRow;
use super::policies::PolicyRow;
use super::{News, PresenceFilter, Store, StoreError, like, unsigned};
use crate::domain::Timestamp;
use crate::domain::chip::Family;
use crate::domain::device::{Approval, Device, Outcome};
use crate::domain::mac::MacAddr;
use crate::domain::policy::Channel;
use crate::domain::report::{Mode, Report};
use crate::domain::rhythm::Rhythm;

/// A device that is recorded for the first time.
#[derive(Debug, Clone)]
pub struct NewDevice {
    /// Its identity.
    pub mac: MacAddr,
    /// What a person calls it; may be empty.
    pub name: String,
    /// Whether it may have releases.
    pub approval: Approval,
    /// The platform it belongs to.
    pub platform_id: Option<i64>,
    /// How it came to be approved: `typed`, `open`, `inbox`, `api`.
    pub via: &'static str,
    /// What it said, where it asked by itself.
    pub news: Option<News>,
    /// Now.
    pub now: Timestamp,
}

/// The order of a list of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceSort {
    /// By number: the order for cursors.
    #[default]
    Id,
    /// By name, then address.
    Name,
    /// By address.
    Mac,
    /// By platform, then name.
    Platform,
    /// By version.
    Version,
    /// By latest check-in, newest first.
    Seen,
}

impl DeviceSort {
    /// The word in query strings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Name => "name",
            Self::Mac => "mac",
            Self::Platform => "platform",
            Self::Version => "version",
            Self::Seen => "seen",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Id, Self::Name, Self::Mac, Self::Platform, Self::Version, Self::Seen]
            .into_iter()
            .find(|sort| sort.word() == word)
    }
}

/// Which devices a list shows.
#[derive(Debug, Clone, Default)]
pub struct DeviceFilter {
    /// Only those whose address, name, version, platform or network address holds this text.
    pub query: Option<String>,
    /// Only those of this platform.
    pub platform_id: Option<i64>,
    /// Only those with this standing.
    pub approval: Option<Approval>,
    /// Only those whose last check-in came to this decision.
    pub outcome: Option<String>,
    /// Only those with which this is the matter.
    pub presence: Option<PresenceFilter>,
    /// Only those in this group.
    pub group: Option<i64>,
    /// Only those that follow this channel.
    pub channel: Option<Channel>,
    /// Only those with a higher number: the cursor of the page before.
    pub after: Option<i64>,
    /// The order.
    pub sort: DeviceSort,
    /// At most so many; 0 means 100.
    pub limit: u32,
    /// How many are passed over.
    pub offset: u32,
}

#[derive(FromRow)]
struct DeviceRow {
    id: i64,
    mac: String,
    name: String,
    approval: String,
    platform_id: Option<i64>,
    platform: Option<String>,
    first_seen: i64,
    last_seen: Option<i64>,
    checkins: Option<i64>,
    rhythm: Option<Vec<u8>>,
    family: Option<String>,
    mode: Option<String>,
    asked_for: Option<String>,
    version: Option<String>,
    sketch_md5: Option<String>,
    sketch_sha256: Option<String>,
    free_space: Option<i64>,
    sketch_size: Option<i64>,
    chip_size: Option<i64>,
    sdk: Option<String>,
    address: Option<String>,
    host: Option<String>,
    status: Option<i64>,
    outcome: Option<String>,
    outcome_text: Option<String>,
    #[sqlx(flatten)]
    learnt: LearntRow,
    #[sqlx(flatten)]
    policy: PolicyRow,
}

impl DeviceRow {
    fn report(&self, mac: MacAddr) -> Option<Report> {
        let family = match self.family.as_deref()? {
            "esp32" => Family::Esp32,
            _ => Family::Esp8266,
        };
        let size = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
        let text = |value: &Option<String>| value.as_deref().map(Box::from);
        Some(Report {
            family,
            mac,
            mode: Mode::read(self.mode.as_deref()),
            dev: text(&self.asked_for),
            version: text(&self.version),
            sketch_md5: self.sketch_md5.as_deref().and_then(|text| text.parse().ok()),
            sketch_sha256: self.sketch_sha256.as_deref().and_then(|text| text.parse().ok()),
            free_space: size(self.free_space),
            sketch_size: size(self.sketch_size),
            chip_size: size(self.chip_size),
            sdk: text(&self.sdk),
        })
    }
}

impl TryFrom<DeviceRow> for Device {
    type Error = StoreError;

    fn try_from(row: DeviceRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("devices", column, value);
        let mac = row.mac.parse().map_err(|_| wrong("mac", &row.mac))?;
        let approval =
            Approval::read(&row.approval).ok_or_else(|| wrong("approval", &row.approval))?;
        let outcome = row.outcome.clone().map(|code| Outcome {
            status: row.status.and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
            code,
            text: row.outcome_text.clone().unwrap_or_default(),
        });
        Ok(Self {
            id: row.id,
            mac,
            approval,
            platform_id: row.platform_id,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            checkins: unsigned(row.checkins.unwrap_or(0)),
            rhythm: Rhythm::restore(row.rhythm.as_deref().unwrap_or_default(), row.last_seen),
            report: row.report(mac),
            address: row.address.as_deref().and_then(|text| text.parse().ok()),
            outcome,
            learnt: (&row.learnt).into(),
            policy: (&row.policy).try_into()?,
            groups: Vec::new(),
            name: row.name,
            platform: row.platform,
            host: row.host,
        })
    }
}

/// Everything that is kept of a device, of those that the rest of the query picks.
macro_rules! select_devices {
    ($which:literal) => {
        concat!(
            "SELECT d.id, d.mac, d.name, d.approval, d.platform_id, p.name AS platform,
                    d.first_seen, s.last_seen, s.checkins, s.rhythm, d.family, d.mode, d.asked_for,
                    d.version, d.sketch_md5, d.sketch_sha256, d.free_space, d.sketch_size,
                    d.chip_size, d.sdk, d.address, d.host, d.status, d.outcome, d.outcome_text,
                    d.chip, d.chip_from, d.ran_signed, d.verifies, d.gzip, d.running_since,
                    d.channel, d.pinned, d.updates_off, d.seen_secret, d.shown
               FROM devices d
               LEFT JOIN platforms p ON p.id = d.platform_id
               LEFT JOIN presence s ON s.device_id = d.id ",
            $which
        )
    };
}

/// Devices as a [`DeviceFilter`] wants them.
const LISTED: &str = select_devices!(
    "WHERE (CAST($1 AS TEXT) IS NULL
             OR d.mac LIKE $2 ESCAPE '!' OR lower(d.name) LIKE $1 ESCAPE '!'
             OR lower(coalesce(d.version, '')) LIKE $1 ESCAPE '!'
             OR lower(coalesce(p.name, d.asked_for, '')) LIKE $1 ESCAPE '!'
             OR coalesce(d.address, '') LIKE $1 ESCAPE '!')
        AND (CAST($3 AS INTEGER) IS NULL OR d.platform_id = $3)
        AND (CAST($4 AS TEXT) IS NULL OR d.approval = $4)
        AND (CAST($5 AS TEXT) IS NULL OR d.outcome = $5)
        AND (CAST($6 AS INTEGER) IS NULL OR d.id > $6)
        AND (CAST($10 AS INTEGER) IS NULL
             OR EXISTS (SELECT 1 FROM device_groups g
                         WHERE g.device_id = d.id AND g.group_id = $10))
        AND (CAST($11 AS TEXT) IS NULL OR $11 = 'overdue' AND s.overdue_after + s.last_seen
             + CASE WHEN s.last_seen < $13 THEN $14 ELSE 0 END < $12
             OR $11 <> 'overdue' AND EXISTS (
                SELECT 1 FROM attempts a
                 WHERE a.id = (SELECT max(id) FROM attempts
                                WHERE device_id = d.id AND part = 'application')
                   AND CASE WHEN $11 = 'lost' THEN a.state = 'lost'
                            ELSE a.restarting_at >= $12 - 86400 END))
        AND (CAST($15 AS TEXT) IS NULL OR d.channel = $15)
      ORDER BY CASE $7 WHEN 'platform' THEN lower(coalesce(p.name, '~'))
                       WHEN 'version' THEN coalesce(d.version, '~') ELSE '' END,
               CASE WHEN $7 IN ('name', 'platform') THEN
                    CASE WHEN d.name = '' THEN '~' || d.mac ELSE lower(d.name) END
                    WHEN $7 = 'mac' THEN d.mac ELSE '' END,
               CASE WHEN $7 = 'seen' THEN -coalesce(s.last_seen, 0) ELSE 0 END,
               d.id
      LIMIT $8 OFFSET $9"
);

impl Store {
    /// Devices as the filter wants them.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn devices(&self, filter: &DeviceFilter) -> Result<Vec<Device>, StoreError> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let presence = filter.presence;
        let rows: Vec<DeviceRow> = sqlx::query_as(LISTED)
            .bind(filter.query.as_deref().map(like))
            .bind(filter.query.as_deref().map(|text| like(&text.replace([':', '-'], ""))))
            .bind(filter.platform_id)
            .bind(filter.approval.map(Approval::word))
            .bind(&filter.outcome)
            .bind(filter.after)
            .bind(filter.sort.word())
            .bind(i64::from(limit))
            .bind(i64::from(filter.offset))
            .bind(filter.group)
            .bind(presence.map(|wish| wish.presence.word()))
            .bind(presence.map(|wish| wish.now))
            .bind(presence.map(|wish| wish.pause.until))
            .bind(presence.map(|wish| wish.pause.seconds()))
            .bind(filter.channel.map(Channel::word))
            .fetch_all(&self.read)
            .await?;
        let devices = rows.into_iter().map(Device::try_from).collect::<Result<Vec<_>, _>>()?;
        self.with_groups(devices).await
    }

    /// One device.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn device(&self, mac: MacAddr) -> Result<Option<Device>, StoreError> {
        let row: Option<DeviceRow> = sqlx::query_as(select_devices!("WHERE d.mac = $1"))
            .bind(mac.hex())
            .fetch_optional(&self.read)
            .await?;
        let device = row.map(Device::try_from).transpose()?;
        Ok(self.with_groups(device.into_iter().collect()).await?.pop())
    }

    /// How many devices have each standing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn count_devices(&self) -> Result<Vec<(Approval, u64)>, StoreError> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT approval, count(*) FROM devices GROUP BY approval")
                .fetch_all(&self.read)
                .await?;
        let count = |(word, count): (String, i64)| {
            let approval = Approval::read(&word);
            let wrong = || StoreError::inconsistent("devices", "approval", word);
            Ok((approval.ok_or_else(wrong)?, unsigned(count)))
        };
        rows.into_iter().map(count).collect()
    }

    /// Records a device.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where it is recorded already.
    pub async fn insert_device(&self, device: &NewDevice) -> Result<i64, StoreError> {
        let approved = device.approval == Approval::Approved;
        let mut transaction = self.write.begin().await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO devices (mac, name, approval, platform_id, first_seen, approved_at,
                                  approved_via)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             RETURNING id",
        )
        .bind(device.mac.hex())
        .bind(&device.name)
        .bind(device.approval.word())
        .bind(device.platform_id)
        .bind(device.now)
        .bind(approved.then_some(device.now))
        .bind(approved.then_some(device.via))
        .fetch_one(&mut *transaction)
        .await?;
        if let Some(news) = &device.news {
            write_news(&mut transaction, id, news).await?;
            sqlx::query("INSERT INTO presence (device_id, last_seen, checkins) VALUES ($1, $2, 1)")
                .bind(id)
                .bind(device.now)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// Changes a device's standing and platform.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn set_approval(
        &self,
        id: i64,
        approval: Approval,
        platform_id: Option<i64>,
        via: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let approved = approval == Approval::Approved;
        sqlx::query(
            "UPDATE devices
                SET approval = $2, platform_id = $3, approved_at = $4, approved_via = $5
              WHERE id = $1",
        )
        .bind(id)
        .bind(approval.word())
        .bind(platform_id)
        .bind(approved.then_some(now))
        .bind(approved.then_some(via))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Changes what a device is called.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rename_device(&self, id: i64, name: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE devices SET name = $2 WHERE id = $1")
            .bind(id)
            .bind(name)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}
