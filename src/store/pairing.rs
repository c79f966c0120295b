//! Pairing in the database: rules, windows, and whom they let in.

use std::collections::HashMap;
use std::net::IpAddr;

use sqlx::FromRow;

use super::{Store, StoreError, unsigned};
use crate::domain::Timestamp;
use crate::domain::mac::MacAddr;
use crate::domain::pairing::{Pairing, Rule, Window};

/// How the server's own pairing stands among the settings.
const KEYS: [&str; 3] = ["pairing", "pairing_opened_at", "pairing_open_until"];

/// A device that a window let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paired {
    /// Its address.
    pub mac: MacAddr,
    /// What a person calls it, empty where nobody did.
    pub name: String,
    /// The platform it was approved for.
    pub platform: String,
    /// What it said it runs.
    pub version: Option<String>,
    /// Where it last asked from.
    pub address: Option<String>,
    /// When it was approved.
    pub approved_at: Timestamp,
}

/// Where a device asked from before its latest address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The address before the latest.
    pub before: Option<IpAddr>,
    /// How often its address changed.
    pub changes: u64,
}

#[derive(FromRow)]
struct PairedRow {
    mac: String,
    name: String,
    platform: String,
    version: Option<String>,
    address: Option<String>,
    approved_at: i64,
}

type Row = (i64, Option<String>, Option<i64>, Option<i64>);

fn pairing(rule: Option<&str>, opened_at: Option<i64>, until: Option<i64>) -> Pairing {
    let window = opened_at.zip(until).map(|(opened_at, until)| Window { opened_at, until });
    Pairing { rule: rule.and_then(Rule::read), window }
}

impl Store {
    /// The server's pairing.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn server_pairing(&self) -> Result<Pairing, StoreError> {
        let saved = self.settings().await?;
        let [rule, opened_at, until] = KEYS.map(|key| saved.get(key).map(String::as_str));
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok());
        Ok(pairing(rule, number(opened_at), number(until)))
    }

    /// What platforms have of their own, by their number.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn platform_pairings(&self) -> Result<HashMap<i64, Pairing>, StoreError> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT platform_id, rule, opened_at, open_until FROM pairing")
                .fetch_all(&self.read)
                .await?;
        let own =
            |(id, rule, opened_at, until): Row| (id, pairing(rule.as_deref(), opened_at, until));
        Ok(rows.into_iter().map(own).collect())
    }

    /// Keeps the pairing of a platform, or of the server.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_pairing(
        &self,
        platform_id: Option<i64>,
        pairing: &Pairing,
    ) -> Result<(), StoreError> {
        let (rule, window) = (pairing.rule.map(Rule::word), pairing.window);
        let Some(platform_id) = platform_id else {
            let number = |moment: Option<Timestamp>| moment.map(|at| at.to_string());
            let values = [
                rule.map(str::to_owned),
                number(window.map(|window| window.opened_at)),
                number(window.map(|window| window.until)),
            ];
            let values: Vec<_> =
                KEYS.into_iter().zip(values.map(Option::unwrap_or_default)).collect();
            return self.save_settings(&values).await;
        };
        sqlx::query(
            "INSERT INTO pairing (platform_id, rule, opened_at, open_until)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (platform_id) DO UPDATE
                SET rule = excluded.rule, opened_at = excluded.opened_at,
                    open_until = excluded.open_until",
        )
        .bind(platform_id)
        .bind(rule)
        .bind(window.map(|window| window.opened_at))
        .bind(window.map(|window| window.until))
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Remembers that a person made a device wait again.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn put_back(&self, device_id: i64, now: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE devices SET put_back_at = $2 WHERE id = $1")
            .bind(device_id)
            .bind(now)
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// The devices that wait because a person made them, with when that was.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn devices_put_back(&self) -> Result<HashMap<i64, Timestamp>, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, put_back_at FROM devices
              WHERE approval = 'pending' AND put_back_at IS NOT NULL",
        )
        .fetch_all(&self.read)
        .await?;
        Ok(rows.into_iter().collect())
    }

    /// Those whom windows let in since this moment, the latest first, at most `limit`; and how
    /// many there are. Only of this platform, where one is named.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn paired_since(
        &self,
        platform_id: Option<i64>,
        since: Timestamp,
        limit: u32,
    ) -> Result<(Vec<Paired>, u64), StoreError> {
        let rows: Vec<PairedRow> = sqlx::query_as(
            "SELECT d.mac, d.name, p.name AS platform, d.version, d.address, d.approved_at
               FROM devices d
               JOIN platforms p ON p.id = d.platform_id
              WHERE d.approval = 'approved' AND d.approved_via = 'pairing'
                AND d.approved_at >= $1
                AND (CAST($2 AS INTEGER) IS NULL OR d.platform_id = $2)
              ORDER BY d.approved_at DESC, d.id DESC
              LIMIT $3",
        )
        .bind(since)
        .bind(platform_id)
        .bind(i64::from(limit))
        .fetch_all(&self.read)
        .await?;
        let all: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM devices
              WHERE approval = 'approved' AND approved_via = 'pairing' AND approved_at >= $1
                AND (CAST($2 AS INTEGER) IS NULL OR platform_id = $2)",
        )
        .bind(since)
        .bind(platform_id)
        .fetch_one(&self.read)
        .await?;
        let paired = |row: PairedRow| {
            let PairedRow { mac, name, platform, version, address, approved_at } = row;
            let wrong = || StoreError::inconsistent("devices", "mac", mac.as_str());
            let mac = mac.parse().map_err(|_| wrong())?;
            Ok(Paired { mac, name, platform, version, address, approved_at })
        };
        let rows: Result<_, StoreError> = rows.into_iter().map(paired).collect();
        Ok((rows?, unsigned(all)))
    }

    /// How a device came to be approved, and when; `None` where it is not.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn approved_via(
        &self,
        device_id: i64,
    ) -> Result<Option<(String, Timestamp)>, StoreError> {
        let found: Option<(Option<String>, Option<i64>)> = sqlx::query_as(
            "SELECT approved_via, approved_at FROM devices
              WHERE id = $1 AND approval = 'approved'",
        )
        .bind(device_id)
        .fetch_optional(&self.read)
        .await?;
        Ok(found.and_then(|(via, at)| via.zip(at)))
    }

    /// Where the devices that wait asked from before, by their number: those whose address changed.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn addresses_of_pending(&self) -> Result<HashMap<i64, Addresses>, StoreError> {
        let rows: Vec<(i64, Option<String>, i64)> = sqlx::query_as(
            "SELECT id, address_before, address_changes FROM devices
              WHERE approval = 'pending' AND address_changes > 0",
        )
        .fetch_all(&self.read)
        .await?;
        let addresses = |(id, before, changes): (i64, Option<String>, i64)| {
            let before = before.and_then(|text| text.parse().ok());
            (id, Addresses { before, changes: unsigned(changes) })
        };
        Ok(rows.into_iter().map(addresses).collect())
    }
}
