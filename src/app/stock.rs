//! Everything that the shelf is made from, as the database has it or as a dry run supposes it.

use std::collections::HashMap;

use super::Error;
use super::pairing::Pairings;
use super::rollouts::{Gate, Rollouts};
use crate::domain::device_secret::Secrets;
use crate::domain::group::Group;
use crate::domain::platform::Platform;
use crate::domain::release::{Image, Published, Release, ReleaseState};
use crate::store::{ImageDigest, ReleaseFilter, Store};

/// Everything that a shelf is made from.
#[derive(Debug, Default)]
pub(super) struct Stock {
    pub(super) platforms: Vec<Platform>,
    pub(super) releases: Vec<Release>,
    pub(super) digests: HashMap<i64, Vec<ImageDigest>>,
    pub(super) groups: Vec<Group>,
    /// Who may ask, and whom windows let in.
    pub(super) pairings: Pairings,
    /// What is kept of the secret that a platform's devices share.
    pub(super) secrets: HashMap<i64, Secrets>,
    /// The gate of each release that has one.
    pub(super) gates: HashMap<i64, Gate>,
}

impl Stock {
    /// Reads it from the database.
    pub(super) async fn load(store: &Store, rollouts: &Rollouts) -> Result<Self, Error> {
        let gates = rollouts.gates(store).await?;
        Ok(Self { gates, ..Self::ungated(store).await? })
    }

    /// The same to be tried out: no rollout notices it.
    pub(super) async fn picture(store: &Store, rollouts: &Rollouts) -> Result<Self, Error> {
        let gates = rollouts.pictured(store).await?;
        Ok(Self { gates, ..Self::ungated(store).await? })
    }

    /// The same once more, to be tried out apart.
    pub(super) fn copy(&self) -> Self {
        let gates = self.gates.iter().map(|(id, gate)| (*id, gate.copy())).collect();
        Self {
            platforms: self.platforms.clone(),
            releases: self.releases.clone(),
            digests: self.digests.clone(),
            groups: self.groups.clone(),
            pairings: self.pairings.clone(),
            secrets: self.secrets.clone(),
            gates,
        }
    }

    async fn ungated(store: &Store) -> Result<Self, Error> {
        Ok(Self {
            platforms: store.platforms().await?,
            releases: store.releases(&ReleaseFilter::default()).await?,
            digests: store.digests().await?,
            groups: store.groups().await?,
            pairings: Pairings::load(store).await?,
            secrets: store.platform_secrets().await?,
            gates: HashMap::new(),
        })
    }
}

/// A release as decisions see it, once per image; drafts are none.
pub(super) fn settle(release: &Release) -> Vec<Published> {
    let (Some(platform_id), Some(version)) = (release.platform_id, &release.version) else {
        return Vec::new();
    };
    if release.state == ReleaseState::Draft {
        return Vec::new();
    }
    let published = |image: &Image| Published {
        id: release.id,
        platform_id,
        version: version.clone(),
        image: image.clone(),
        has_others: !release.others.is_empty(),
        published_at: release.published_at.unwrap_or(release.created_at),
        channel: release.channel,
        recalled: release.recalled,
    };
    release.images().map(published).collect()
}
