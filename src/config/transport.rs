//! How the server is reached: further ports, and the proxies in front of it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::exposure::{FrameAncestors, HostNames};
use crate::domain::network::Network;

/// How the server is reached.
#[derive(Debug, Clone, Args)]
pub struct Transport {
    /// Port that serves devices only, never pages or the API; repeatable
    #[arg(long, env = "ESPALIER_DEVICE_PORT", value_delimiter = ',', value_parser = super::port)]
    pub device_port: Vec<u16>,
    /// Whether --port speaks TLS: off, self-signed (made at the first start), files
    #[arg(long, env = "ESPALIER_TLS", default_value = "off", ignore_case = true)]
    pub tls: TlsMode,
    /// File with the certificate and those that vouch for it, as PEM
    #[arg(long, env = "ESPALIER_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,
    /// File with the private key, as PEM
    #[arg(long, env = "ESPALIER_TLS_KEY")]
    pub tls_key: Option<PathBuf>,
    /// Proxies whose X-Forwarded-* and Forwarded headers are believed, like 172.16.0.0/12
    #[arg(long, env = "ESPALIER_TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    pub trusted_proxies: Networks,
    /// Names by which pages are opened, besides addresses and names like pi, pi.local, pi.lan
    #[arg(long, env = "ESPALIER_ALLOWED_HOSTS", default_value = "", hide_default_value = true)]
    pub allowed_hosts: HostNames,
    /// Who may show the pages in a frame: none, self, or addresses like `http://ha.local:8123`
    #[arg(long, env = "ESPALIER_FRAME_ANCESTORS", default_value = "none")]
    pub frame_ancestors: FrameAncestors,
}

/// Whether TLS is spoken, and where the certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsMode {
    /// Plain HTTP.
    Off,
    /// With a certificate that is made at the first start.
    SelfSigned,
    /// With a certificate and a key from files.
    Files,
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
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::config::CommandLine;

    #[test]
    fn tls_and_device_ports_are_understood() {
        let line = "espalier --tls SELF-signed -p 8443 --device-port 8000 --device-port 5000";
        let parsed = CommandLine::try_parse_from(line.split(' ')).unwrap().serve;
        assert_eq!(parsed.transport.tls, TlsMode::SelfSigned);
        assert_eq!((parsed.port, parsed.transport.device_port), (vec![8443], vec![8000, 5000]));
        for wrong in
            ["--tls on", "--device-port x", "--trusted-proxies proxy", "--allowed-hosts a:1"]
        {
            let line = format!("espalier {wrong}");
            let error = CommandLine::try_parse_from(line.split(' ')).unwrap_err().to_string();
            let flag = wrong.split(' ').next().unwrap();
            assert!(error.contains(flag), "{wrong}: {error}");
        }
    }

    #[test]
    fn networks_are_listed_with_commas() {
        let read = |text: &str| text.parse::<Networks>().map(|networks| networks.0.len());
        for (text, count) in [("", 0), (" ", 0), ("10.0.0.1", 1), ("10.0.0.1, fd00::/8,", 2)] {
            assert_eq!(read(text), Ok(count), "{text}");
        }
        assert!(read("10.0.0.1,proxy").unwrap_err().contains("“proxy”"));
    }
}
