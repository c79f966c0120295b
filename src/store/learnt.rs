//! What is learnt of devices, in the database.

use sqlx::FromRow;

use super::{Store, StoreError};
use crate::domain::learnt::{ChipFrom, GzipTried, Learnt};
use crate::domain::proof::ProofSeen;

#[derive(FromRow)]
pub(super) struct LearntRow {
    chip: Option<String>,
    chip_from: Option<String>,
    ran_signed: bool,
    verifies: bool,
    gzip: Option<String>,
    running_since: Option<i64>,
    seen_secret: Option<i64>,
    shown: Option<String>,
}

impl From<&LearntRow> for Learnt {
    fn from(row: &LearntRow) -> Self {
        let chip = row.chip.as_deref().and_then(|chip| chip.parse().ok());
        let from = row.chip_from.as_deref().and_then(ChipFrom::read);
        Self {
            chip: chip.zip(from),
            ran_signed: row.ran_signed,
            verifies: row.verifies,
            gzip: row.gzip.as_deref().and_then(GzipTried::read),
            running_since: row.running_since,
            proof: ProofSeen::read(row.seen_secret, row.shown.as_deref()),
        }
    }
}

impl Store {
    /// Records what a person said of a device, and what was learnt of it so far.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn save_learnt(&self, id: i64, learnt: &Learnt) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE devices
                SET chip = $2, chip_from = $3, ran_signed = $4, verifies = $5, gzip = $6,
                    running_since = $7, seen_secret = $8, shown = $9
              WHERE id = $1",
        )
        .bind(id)
        .bind(learnt.chip.map(|(chip, _)| chip.slug()))
        .bind(learnt.chip.map(|(_, from)| from.word()))
        .bind(learnt.ran_signed)
        .bind(learnt.verifies)
        .bind(learnt.gzip.map(GzipTried::word))
        .bind(learnt.running_since)
        .bind(learnt.proof.secret)
        .bind(learnt.proof.text())
        .execute(&self.write)
        .await?;
        Ok(())
    }
}
