//! Rollouts in the database.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::rollout::{Rollout, Stage, StageState, State};

#[derive(FromRow)]
struct RolloutRow {
    id: i64,
    release_id: i64,
    group_id: Option<i64>,
    state: String,
    reason: String,
    ask: bool,
    at_once: i64,
    resumed_at: Option<i64>,
    starts_at: Option<i64>,
    created_at: i64,
    created_by: String,
    ended_at: Option<i64>,
}

#[derive(FromRow)]
struct StageRow {
    rollout_id: i64,
    size: String,
    soak: i64,
    deadline: i64,
    max_failures: Option<i64>,
    state: String,
    opened_at: Option<i64>,
    soaking_at: Option<i64>,
    passed_at: Option<i64>,
}

fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl RolloutRow {
    fn with(self, stages: Vec<Stage>, canaries: Vec<i64>) -> Result<Rollout, StoreError> {
        let wrong = || StoreError::inconsistent("rollouts", "state", self.state.as_str());
        let state = State::read(&self.state).ok_or_else(wrong)?;
        Ok(Rollout {
            id: self.id,
            release_id: self.release_id,
            group: self.group_id,
            canaries,
            state,
            reason: self.reason,
            ask: self.ask,
            at_once: count(self.at_once),
            resumed_at: self.resumed_at,
            starts_at: self.starts_at,
            stages,
            created_at: self.created_at,
            created_by: self.created_by,
            ended_at: self.ended_at,
        })
    }
}

impl TryFrom<StageRow> for Stage {
    type Error = StoreError;

    fn try_from(row: StageRow) -> Result<Self, StoreError> {
        let wrong = |column, value: &str| StoreError::inconsistent("rollout_stages", column, value);
        Ok(Self {
            size: row.size.parse().map_err(|_| wrong("size", &row.size))?,
            soak: row.soak,
            deadline: row.deadline,
            max_failures: row.max_failures.map(count),
            state: StageState::read(&row.state).ok_or_else(|| wrong("state", &row.state))?,
            opened_at: row.opened_at,
            soaking_at: row.soaking_at,
            passed_at: row.passed_at,
        })
    }
}

impl Store {
    /// All rollouts, the latest first; only those that gate their release, or of one release.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rollouts(
        &self,
        gating: bool,
        release_id: Option<i64>,
    ) -> Result<Vec<Rollout>, StoreError> {
        self.rollouts_where(gating, release_id, None).await
    }

    /// One rollout.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn rollout(&self, id: i64) -> Result<Option<Rollout>, StoreError> {
        Ok(self.rollouts_where(false, None, Some(id)).await?.pop())
    }

    async fn rollouts_where(
        &self,
        gating: bool,
        release_id: Option<i64>,
        id: Option<i64>,
    ) -> Result<Vec<Rollout>, StoreError> {
        // One view of all tables.
        let mut transaction = self.read.begin().await?;
        let rows: Vec<RolloutRow> = sqlx::query_as(
            "SELECT id, release_id, group_id, state, reason, ask, at_once, resumed_at, starts_at,
                    created_at, created_by, ended_at
               FROM rollouts
              WHERE ($1 = 0 OR gates = 1) AND (CAST($2 AS INTEGER) IS NULL OR release_id = $2)
                AND (CAST($3 AS INTEGER) IS NULL OR id = $3)
              ORDER BY id DESC",
        )
        .bind(gating)
        .bind(release_id)
        .bind(id)
        .fetch_all(&mut *transaction)
        .await?;
        let (Some(latest), Some(earliest)) = (rows.first(), rows.last()) else {
            return Ok(Vec::new());
        };
        let (earliest, latest) = (earliest.id, latest.id);
        let stage_rows: Vec<StageRow> = sqlx::query_as(
            "SELECT rollout_id, size, soak, deadline, max_failures, state, opened_at, soaking_at,
                    passed_at
               FROM rollout_stages
              WHERE rollout_id BETWEEN $1 AND $2
              ORDER BY rollout_id, n",
        )
        .bind(earliest)
        .bind(latest)
        .fetch_all(&mut *transaction)
        .await?;
        let canary_rows: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT rollout_id, device_id
               FROM rollout_canaries
              WHERE rollout_id BETWEEN $1 AND $2
              ORDER BY rollout_id, device_id",
        )
        .bind(earliest)
        .bind(latest)
        .fetch_all(&mut *transaction)
        .await?;
        let mut stages: HashMap<i64, Vec<Stage>> = HashMap::new();
        for row in stage_rows {
            stages.entry(row.rollout_id).or_default().push(row.try_into()?);
        }
        let mut canaries: HashMap<i64, Vec<i64>> = HashMap::new();
        for (rollout_id, device_id) in canary_rows {
            canaries.entry(rollout_id).or_default().push(device_id);
        }
        let rollout = |row: RolloutRow| {
            let stages = stages.remove(&row.id).unwrap_or_default();
            let canaries = canaries.remove(&row.id).unwrap_or_default();
            row.with(stages, canaries)
        };
        rows.into_iter().map(rollout).collect()
    }

    /// Records a rollout with its stages and canaries; it gates its release in place of others.
    ///
    /// # Errors
    /// Where the database fails; then nothing is recorded.
    pub async fn insert_rollout(&self, rollout: &Rollout) -> Result<i64, StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query("UPDATE rollouts SET gates = 0 WHERE release_id = $1")
            .bind(rollout.release_id)
            .execute(&mut *transaction)
            .await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO rollouts (release_id, group_id, state, reason, ask, at_once, resumed_at,
                                   starts_at, created_at, created_by, ended_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             RETURNING id",
        )
        .bind(rollout.release_id)
        .bind(rollout.group)
        .bind(rollout.state.word())
        .bind(&rollout.reason)
        .bind(rollout.ask)
        .bind(i64::from(rollout.at_once))
        .bind(rollout.resumed_at)
        .bind(rollout.starts_at)
        .bind(rollout.created_at)
        .bind(&rollout.created_by)
        .bind(rollout.ended_at)
        .fetch_one(&mut *transaction)
        .await?;
        for device_id in &rollout.canaries {
            sqlx::query("INSERT INTO rollout_canaries (rollout_id, device_id) VALUES ($1, $2)")
                .bind(id)
                .bind(device_id)
                .execute(&mut *transaction)
                .await?;
        }
        for (n, stage) in (0_i64..).zip(&rollout.stages) {
            sqlx::query(
                "INSERT INTO rollout_stages (rollout_id, n, size, soak, deadline, max_failures,
                                             state, opened_at, soaking_at, passed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(id)
            .bind(n)
            .bind(stage.size.to_string())
            .bind(stage.soak)
            .bind(stage.deadline)
            .bind(stage.max_failures.map(i64::from))
            .bind(stage.state.word())
            .bind(stage.opened_at)
            .bind(stage.soaking_at)
            .bind(stage.passed_at)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// Writes how a rollout and its stages stand.
    ///
    /// # Errors
    /// Where the database fails; then nothing is changed.
    pub async fn save_rollout(&self, rollout: &Rollout) -> Result<(), StoreError> {
        let mut transaction = self.write.begin().await?;
        sqlx::query(
            "UPDATE rollouts SET state = $2, reason = $3, resumed_at = $4, ended_at = $5
              WHERE id = $1",
        )
        .bind(rollout.id)
        .bind(rollout.state.word())
        .bind(&rollout.reason)
        .bind(rollout.resumed_at)
        .bind(rollout.ended_at)
        .execute(&mut *transaction)
        .await?;
        for (n, stage) in (0_i64..).zip(&rollout.stages) {
            sqlx::query(
                "UPDATE rollout_stages
                    SET state = $3, opened_at = $4, soaking_at = $5, passed_at = $6
                  WHERE rollout_id = $1 AND n = $2",
            )
            .bind(rollout.id)
            .bind(n)
            .bind(stage.state.word())
            .bind(stage.opened_at)
            .bind(stage.soaking_at)
            .bind(stage.passed_at)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Lets a release go without its rollouts: they are history.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn ungate(&self, release_id: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE rollouts SET gates = 0 WHERE release_id = $1")
            .bind(release_id)
            .execute(&self.write)
            .await?;
        Ok(())
    }
}
