//! Groups in the database.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError, unsigned};
use crate::domain::Timestamp;
use crate::domain::device::Device;
use crate::domain::group::{Group, GroupName};
use crate::domain::policy::QuietHours;

/// Quiet hours as they stand in a column.
pub(super) fn quiet(
    table: &'static str,
    text: Option<&str>,
) -> Result<Option<QuietHours>, StoreError> {
    let read =
        |text: &str| text.parse().map_err(|_| StoreError::inconsistent(table, "quiet", text));
    text.map(read).transpose()
}

#[derive(FromRow)]
struct GroupRow {
    id: i64,
    name: String,
    quiet: Option<String>,
    created_at: i64,
}

impl TryFrom<GroupRow> for Group {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        let wrong = |_| StoreError::inconsistent("groups", "name", row.name.as_str());
        let name: GroupName = row.name.parse().map_err(wrong)?;
        let quiet = quiet("groups", row.quiet.as_deref())?;
        Ok(Self { id: row.id, name, quiet, created_at: row.created_at })
    }
}

impl Store {
    /// All groups, by name.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn groups(&self) -> Result<Vec<Group>, StoreError> {
        let rows: Vec<GroupRow> =
            sqlx::query_as("SELECT id, name, quiet, created_at FROM groups ORDER BY key")
                .fetch_all(&self.read)
                .await?;
        rows.into_iter().map(Group::try_from).collect()
    }

    /// How many devices are in each group.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn group_sizes(&self) -> Result<HashMap<i64, u64>, StoreError> {
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("SELECT group_id, count(*) FROM device_groups GROUP BY group_id")
                .fetch_all(&self.read)
                .await?;
        Ok(rows.into_iter().map(|(id, count)| (id, unsigned(count))).collect())
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where one of this name exists.
    pub async fn create_group(&self, name: &GroupName, now: Timestamp) -> Result<i64, StoreError> {
        let id = sqlx::query_scalar(
            "INSERT INTO groups (name, key, created_at) VALUES ($1, $2, $3) RETURNING id",
        )
        .bind(name.as_str())
        .bind(name.key())
        .bind(now)
        .fetch_one(&self.write)
        .await?;
        Ok(id)
    }

    /// Renames a group or changes its quiet hours.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another one has the new name.
    pub async fn save_group(&self, group: &Group) -> Result<(), StoreError> {
        sqlx::query("UPDATE groups SET name = $2, key = $3, quiet = $4 WHERE id = $1")
            .bind(group.id)
            .bind(group.name.as_str())
            .bind(group.name.key())
            .bind(group.quiet.map(|quiet| quiet.to_string()))
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Deletes a group; its devices stay.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn delete_group(&self, id: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM groups WHERE id = $1").bind(id).execute(&self.write).await?;
        Ok(())
    }

    /// Puts a device into exactly these groups.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn set_groups(&self, device_id: i64, groups: &[i64]) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("DELETE FROM device_groups WHERE device_id = $1")
            .bind(device_id)
            .execute(&mut *transaction)
            .await?;
        for group in groups {
            sqlx::query("INSERT INTO device_groups (device_id, group_id) VALUES ($1, $2)")
                .bind(device_id)
                .bind(group)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The groups of devices whose numbers lie between these, ascending.
    pub(super) async fn groups_between(
        &self,
        first: i64,
        last: i64,
    ) -> Result<HashMap<i64, Vec<i64>>, StoreError> {
        let rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT device_id, group_id FROM device_groups
              WHERE device_id BETWEEN $1 AND $2
              ORDER BY device_id, group_id",
        )
        .bind(first)
        .bind(last)
        .fetch_all(&self.read)
        .await?;
        let mut groups: HashMap<i64, Vec<i64>> = HashMap::new();
        for (device_id, group_id) in rows {
            groups.entry(device_id).or_default().push(group_id);
        }
        Ok(groups)
    }

    /// The devices with the groups they are in.
    pub(super) async fn with_groups(
        &self,
        mut devices: Vec<Device>,
    ) -> Result<Vec<Device>, StoreError> {
        let ids = || devices.iter().map(|device| device.id);
        let (Some(first), Some(last)) = (ids().min(), ids().max()) else {
            return Ok(devices);
        };
        let mut groups = self.groups_between(first, last).await?;
        for device in &mut devices {
            device.groups = groups.remove(&device.id).unwrap_or_default();
        }
        Ok(devices)
    }
}
