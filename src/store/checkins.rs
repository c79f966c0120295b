//! What is written behind the check-ins: presence, reports, hourly counts, events.

use std::collections::HashSet;
use std::net::IpAddr;

use sqlx::{FromRow, SqliteConnection};

use super::presence::{DayCount, write_days, write_presence, write_restarts};
use super::{Store, StoreError, events, signed, unsigned};
use crate::domain::Timestamp;
use crate::domain::chip::Family;
use crate::domain::device::Outcome;
use crate::domain::event::Event;
use crate::domain::learnt::{GzipTried, Learnt};
use crate::domain::mac::MacAddr;
use crate::domain::report::Report;
use crate::domain::rhythm::Rhythm;

/// What a device's check-ins since the last batch come to.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The device.
    pub mac: MacAddr,
    /// Its number.
    pub device_id: i64,
    /// Its latest check-in.
    pub last_seen: Timestamp,
    /// All its check-ins so far.
    pub checkins: u64,
    /// How often it asks.
    pub rhythm: Rhythm,
    /// What it said and what it came to, where that changed.
    pub news: Option<Box<News>>,
}

/// What a device said and what it came to.
#[derive(Debug, Clone)]
pub struct News {
    /// What it said.
    pub report: Report,
    /// Where it asked from.
    pub address: Option<IpAddr>,
    /// The `Host` it asked for.
    pub host: Option<Box<str>>,
    /// What it came to.
    pub outcome: Outcome,
    /// What is known of it beyond what it says.
    pub learnt: Learnt,
}

/// Everything that is written behind at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Devices that checked in.
    pub seen: Vec<Seen>,
    /// Check-ins by platform (0 = none) and hour (its first second).
    pub hours: Vec<(i64, Timestamp, u64)>,
    /// Check-ins by device, day and hour.
    pub days: Vec<DayCount>,
    /// Attempts since which a device restarts too often, and when that was seen.
    pub restarts: Vec<(i64, Timestamp)>,
    /// Events that need not be durable at once.
    pub events: Vec<Event>,
}

impl Batch {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let days = self.days.is_empty() && self.restarts.is_empty();
        days && self.seen.is_empty() && self.hours.is_empty() && self.events.is_empty()
    }

    /// Adds up the counts of the same platform and hour.
    pub fn merge_hours(&mut self) {
        self.hours.sort_unstable();
        self.hours.dedup_by(|later, earlier| {
            let same = (later.0, later.1) == (earlier.0, earlier.1);
            if same {
                earlier.2 += later.2;
            }
            same
        });
    }
}

/// Check-ins in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct HourCount {
    /// The first second of the hour.
    pub hour: Timestamp,
    /// How many check-ins.
    pub count: i64,
}

/// How many approved devices of a platform report a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCount {
    /// The platform.
    pub platform_id: i64,
    /// The version, as reported; `None` where the device sent none.
    pub version: Option<String>,
    /// How many devices.
    pub devices: u64,
}

impl Store {
    /// Writes a batch in one transaction.
    ///
    /// # Errors
    /// Where the database fails; then nothing of it is written.
    pub async fn write_behind(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        write_presence(&mut transaction, &batch.seen).await?;
        write_days(&mut transaction, &batch.days).await?;
        write_restarts(&mut transaction, &batch.restarts).await?;
        for seen in &batch.seen {
            if let Some(news) = &seen.news {
                write_news(&mut transaction, seen.device_id, news).await?;
            }
        }
        for (platform_id, hour, count) in &batch.hours {
            sqlx::query(
                "INSERT INTO checkins (platform_id, hour, count) VALUES ($1, $2, $3)
                 ON CONFLICT (platform_id, hour)
                 DO UPDATE SET count = checkins.count + excluded.count",
            )
            .bind(platform_id)
            .bind(hour)
            .bind(signed(*count))
            .execute(&mut *transaction)
            .await?;
        }
        for event in &batch.events {
            events::insert(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Check-ins per hour from this moment on, of one platform or of all.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn checkins_per_hour(
        &self,
        platform_id: Option<i64>,
        since: Timestamp,
    ) -> Result<Vec<HourCount>, StoreError> {
        let hours = sqlx::query_as(
            "SELECT hour, CAST(sum(count) AS INTEGER) AS count
               FROM checkins
              WHERE hour >= $1 AND (CAST($2 AS INTEGER) IS NULL OR platform_id = $2)
              GROUP BY hour
              ORDER BY hour",
        )
        .bind(since)
        .bind(platform_id)
        .fetch_all(&self.read)
        .await?;
        Ok(hours)
    }

    /// How many approved devices report which version, by platform, most first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn versions_in_field(&self) -> Result<Vec<VersionCount>, StoreError> {
        let rows: Vec<(i64, Option<String>, i64)> = sqlx::query_as(
            "SELECT platform_id, version, count(*) AS devices
               FROM devices
              WHERE approval = 'approved' AND platform_id IS NOT NULL
              GROUP BY platform_id, version
              ORDER BY platform_id, devices DESC, version",
        )
        .fetch_all(&self.read)
        .await?;
        let count = |(platform_id, version, devices)| {
            let devices = unsigned(devices);
            VersionCount { platform_id, version, devices }
        };
        Ok(rows.into_iter().map(count).collect())
    }
}

impl Store {
    /// The codes of what the last check-ins of approved devices came to.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn outcomes(&self) -> Result<HashSet<String>, StoreError> {
        let codes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT outcome FROM devices
              WHERE approval = 'approved' AND outcome IS NOT NULL",
        )
        .fetch_all(&self.read)
        .await?;
        Ok(codes.into_iter().collect())
    }
}

/// The word for a family in the database.
pub(super) const fn family_word(family: Family) -> &'static str {
    match family {
        Family::Esp8266 => "esp8266",
        Family::Esp32 => "esp32",
    }
}

pub(super) async fn write_news(
    connection: &mut SqliteConnection,
    device_id: i64,
    news: &News,
) -> Result<(), StoreError> {
    let (report, learnt) = (&news.report, &news.learnt);
    sqlx::query(
        "UPDATE devices
            SET family = $2, mode = $3, asked_for = coalesce($4, asked_for), version = $5,
                sketch_md5 = $6, sketch_sha256 = $7, free_space = $8, sketch_size = $9,
                chip_size = $10, sdk = $11, address = $12,
                host = coalesce($13, host), status = $14,
                outcome = $15, outcome_text = $16, chip = $17, chip_from = $18,
                ran_signed = $19, verifies = $20, gzip = $21, running_since = $22,
                address_before = CASE WHEN address <> $12 THEN address ELSE address_before END,
                address_changes = address_changes + CASE WHEN address <> $12 THEN 1 ELSE 0 END,
                seen_secret = $23, shown = $24
          WHERE id = $1",
    )
    .bind(device_id)
    .bind(family_word(report.family))
    .bind(report.mode.word())
    .bind(report.dev.as_deref())
    .bind(report.version.as_deref())
    .bind(report.sketch_md5.map(|digest| digest.to_string()))
    .bind(report.sketch_sha256.map(|digest| digest.to_string()))
    .bind(report.free_space.map(i64::from))
    .bind(report.sketch_size.map(i64::from))
    .bind(report.chip_size.map(i64::from))
    .bind(report.sdk.as_deref())
    .bind(news.address.map(|address| address.to_string()))
    .bind(news.host.as_deref())
    .bind(i64::from(news.outcome.status))
    .bind(&news.outcome.code)
    .bind(&news.outcome.text)
    // In the same statement: a second one would double what a first check-in costs.
    .bind(learnt.chip.map(|(chip, _)| chip.slug()))
    .bind(learnt.chip.map(|(_, from)| from.word()))
    .bind(learnt.ran_signed)
    .bind(learnt.verifies)
    .bind(learnt.gzip.map(GzipTried::word))
    .bind(learnt.running_since)
    .bind(learnt.proof.secret)
    .bind(learnt.proof.text())
    .execute(connection)
    .await?;
    Ok(())
}
