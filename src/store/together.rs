//! Changes of attempts that share a transaction.
//!
//! A disk takes as long for one change as for many, and a thousand devices may ask at once. So what
//! comes while a transaction is under way waits, and goes into the next one together. Nobody is
//! told before the own change is on disk.

use std::sync::{Mutex, PoisonError};

use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::attempts::{insert_offer, lose, settle, write_transfer};
use super::{EndedAttempt, NewOffer, Store, StoreError};
use crate::domain::Timestamp;
use crate::domain::device::AttemptState;
use crate::domain::tally::Tally;

/// A change of an attempt.
#[derive(Debug)]
pub(super) enum Change {
    /// An offer is about to be made.
    Offer(NewOffer),
    /// A transfer ended.
    Transfer(EndedAttempt),
    /// A check-in settled an attempt.
    Settled(i64, AttemptState, Option<(i64, Tally)>, Timestamp),
    /// Nobody heard of the device again.
    Lost(i64),
}

/// What becomes of a change: the number of its attempt.
type Outcome = Result<i64, StoreError>;

/// Changes that wait for their transaction.
#[derive(Debug, Default)]
pub(super) struct Together {
    waiting: Mutex<Vec<(Change, oneshot::Sender<Outcome>)>>,
    /// Held while some are written.
    turn: tokio::sync::Mutex<()>,
}

impl Change {
    async fn write(&self, connection: &mut SqliteConnection) -> Outcome {
        match self {
            Self::Offer(offer) => insert_offer(connection, offer).await,
            Self::Transfer(ended) => write_transfer(connection, ended).await.map(|()| ended.id),
            Self::Settled(id, state, tally, now) => {
                settle(connection, *id, *state, tally.as_ref(), *now).await.map(|()| *id)
            }
            Self::Lost(id) => lose(connection, *id).await.map(|()| *id),
        }
    }
}

impl Store {
    /// Writes a change; answers when it is on disk.
    pub(super) async fn change(&self, change: Change) -> Outcome {
        let (tell, told) = oneshot::channel();
        self.together.waiting.lock().unwrap_or_else(PoisonError::into_inner).push((change, tell));
        let store = self.clone();
        // On a task of its own: others rely on it, also where nobody waits for this change any more.
        tokio::spawn(async move { store.write_waiting().await });
        told.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed.into()))
    }

    /// Writes what waits; nothing, where that went with another's.
    async fn write_waiting(&self) {
        let _turn = self.together.turn.lock().await;
        let waiting = std::mem::take(
            &mut *self.together.waiting.lock().unwrap_or_else(PoisonError::into_inner),
        );
        let (changes, tell): (Vec<_>, Vec<_>) = waiting.into_iter().unzip();
        if let Ok(ids) = self.write_changes(&changes).await {
            // Nobody has to listen.
            tell.into_iter().zip(ids).for_each(|(tell, id)| drop(tell.send(Ok(id))));
            return;
        }
        // One that cannot be written is no reason to refuse the others.
        for (change, tell) in changes.iter().zip(tell) {
            let written = self.write_changes(std::slice::from_ref(change)).await;
            let _ = tell.send(written.map(|ids| ids.into_iter().sum()));
        }
    }

    /// Writes all of them or none; answers the number of each one's attempt.
    async fn write_changes(&self, changes: &[Change]) -> Result<Vec<i64>, StoreError> {
        let mut ids = Vec::with_capacity(changes.len());
        if changes.is_empty() {
            return Ok(ids);
        }
        let mut transaction = self.write.begin().await?;
        for change in changes {
            ids.push(change.write(&mut transaction).await?);
        }
        transaction.commit().await?;
        Ok(ids)
    }
}
