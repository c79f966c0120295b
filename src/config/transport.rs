//! How the server is reached: further ports, and the proxies in front of it.

use std::str::FromStr;

use clap::Args;

use crate::domain::network::Network;

/// How the server is reached.
#[derive(Debug, Clone, Args)]
pub struct Transport {
    /// Proxies whose X-Forwarded-* and Forwarded headers are believed, like 172.16.0.0/12
    #[arg(long, env = "ESPALIER_TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: Networks,
}

/// Networks, written with commas between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<Network>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        items(text).map(|item| item.parse().map_err(|error| format!("“{item}”: {error}"))).collect()
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// The words of a list; a variable that is set to nothing is an empty one.
fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_listed_with_commas() {
        let read = |text: &str| text.parse::<Networks>().map(|networks| networks.0.len());
        for (text, count) in [("", 0), (" ", 0), ("10.0.0.1", 1), ("10.0.0.1, fd00::/8,", 2)] {
            assert_eq!(read(text), Ok(count), "{text}");
        }
        assert!(read("10.0.0.1,proxy").unwrap_err().contains("“proxy”"));
    }
}
