//! How the second release goes out.

use std::str::FromStr;

use serde_json::{Value, json};

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
            Some(("canaries", count)) => {
                count.parse().ok().filter(|count| *count > 0).map(Self::Canaries)
            }
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
    /// How many devices are named to be the first, on each platform.
    pub const fn canaries(&self) -> u32 {
        match self {
            Self::Canaries(count) => *count,
            Self::AllAtOnce | Self::Stages(_) => 0,
        }
    }

    /// What the API is told, with these canaries; `None`: all at once.
    pub fn wish(&self, canaries: &[String]) -> Option<Value> {
        match self {
            Self::AllAtOnce => None,
            Self::Canaries(_) => Some(json!({"stages": "canaries", "canaries": canaries})),
            Self::Stages(shares) => {
                let shares: Vec<String> = shares.iter().map(|share| format!("{share}%")).collect();
                Some(json!({"stages": shares.join(", ")}))
            }
        }
    }
}

/// Publishes a draft; the number of its rollout, if it has one.
///
/// # Errors
/// Where the server refuses.
pub async fn publish(api: &Api, release: i64, wish: Option<&Value>) -> Result<Option<i64>, Fault> {
    let mut change = json!({"state": "published"});
    if let Some(wish) = wish {
        change["rollout"] = wish.clone();
    }
    api.put("PATCH", &format!("/api/v1/releases/{release}"), &change).await?;
    if wish.is_none() {
        return Ok(None);
    }
    let found: Option<Value> = api.get(&format!("/api/v1/rollouts?release={release}")).await?;
    let id = found.and_then(|found| found["items"][0]["id"].as_i64());
    id.map(Some).ok_or(Fault::Options("the server published the release without its rollout"))
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
        let wrong = ["", "some", "canaries", "canaries:x", "canaries:0", "stages:1,2", "stages:0%"];
        for text in wrong {
            assert!(text.parse::<Rollout>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rollout_is_told_as_the_api_wants_it() {
        assert_eq!(Rollout::AllAtOnce.wish(&[]), None);
        let canaries = ["24:0A:C4:00:00:01".to_owned()];
        let wish = Rollout::Canaries(1).wish(&canaries).unwrap();
        assert_eq!(wish, json!({"stages": "canaries", "canaries": canaries}));
        let wish = Rollout::Stages(vec![1, 10]).wish(&[]).unwrap();
        assert_eq!(wish, json!({"stages": "1%, 10%"}));
    }
}
