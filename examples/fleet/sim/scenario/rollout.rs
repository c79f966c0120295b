//! How the second release goes out.

use std::str::FromStr;

use serde_json::json;

use crate::sim::Fault;
use crate::sim::api::Api;

/// How a release goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rollout {
    /// To everyone who asks.
    AllAtOnce,
    /// To so many devices first.
    Canaries(u32),
    /// To these shares of the devices, one after the other.
    Stages(Vec<u32>),
}

impl FromStr for Rollout {
    type Err = String;

    /// Reads `all`, `canaries:5` and `stages:1%,10%,50%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let read = match text.split_once(':') {
            None if text == "all" => Some(Self::AllAtOnce),
            Some(("canaries", count)) => count.parse().ok().map(Self::Canaries),
            Some(("stages", shares)) => {
                let share = |text: &str| {
                    let percent: u32 = text.trim().strip_suffix('%')?.parse().ok()?;
                    Some(percent).filter(|percent| (1..=100).contains(percent))
                };
                shares.split(',').map(share).collect::<Option<_>>().map(Self::Stages)
            }
            _ => None,
        };
        read.ok_or_else(|| "expected all, canaries:5 or stages:1%,10%,50%".to_owned())
    }
}

impl Rollout {
    /// Publishes a draft in this way.
    ///
    /// # Errors
    /// Where the server refuses, or knows no rollouts.
    pub async fn publish(&self, api: &Api, release: i64) -> Result<(), Fault> {
        match self {
            Self::AllAtOnce => {
                let path = format!("/api/v1/releases/{release}");
                api.put("PATCH", &path, &json!({"state": "published"})).await?;
                Ok(())
            }
            Self::Canaries(_) | Self::Stages(_) => {
                Err(Fault::Options("this server has no rollouts yet; use --rollout all"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rollouts_are_read() {
        for (text, rollout) in [
            ("all", Rollout::AllAtOnce),
            ("canaries:5", Rollout::Canaries(5)),
            ("stages:1%,10%,50%", Rollout::Stages(vec![1, 10, 50])),
        ] {
            assert_eq!(text.parse(), Ok(rollout), "{text}");
        }
        for text in ["", "some", "canaries", "canaries:x", "stages:1,2", "stages:0%", "stages:"] {
            assert!(text.parse::<Rollout>().is_err(), "{text}");
        }
    }
}
