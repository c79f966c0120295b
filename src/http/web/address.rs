//! The address by which devices reach this server, as every snippet shows it.

use std::net::IpAddr;

use super::page::Page;
use crate::app::App;
use crate::machine::{in_container, lan_address};

/// The address by which devices reach this server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// As in `http://192.168.1.10:8000`.
    pub(super) base: String,
    pub(super) host: String,
    pub(super) port: u16,
    set_by_hand: bool,
}

impl Address {
    /// The public address, else the one that the visitor's browser used; where that is only this
    /// machine itself, the one it has in its network.
    pub(super) fn of(app: &App, page: &Page) -> Self {
        if let Some(url) = &app.settings().public_url {
            return Self::read(url.as_str(), true);
        }
        let host = page.host.as_deref().unwrap_or("localhost:8000");
        let scheme = if page.secure { "https" } else { "http" };
        let seen = Self::read(&format!("{scheme}://{host}"), false);
        if !seen.is_local() || in_container() || app.limits().local_only {
            return seen;
        }
        seen.in_network(lan_address())
    }

    /// The same port at the machine's address in its network, where it has one.
    fn in_network(self, lan: Option<IpAddr>) -> Self {
        let Some(lan) = lan.filter(|lan| !lan.is_loopback() && !lan.is_unspecified()) else {
            return self;
        };
        let host = if lan.is_ipv6() { format!("[{lan}]") } else { lan.to_string() };
        let secure = self.base.starts_with("https://");
        match (secure, self.port) {
            (false, 80) => Self::read(&format!("http://{host}"), false),
            (false, port) => Self::read(&format!("http://{host}:{port}"), false),
            (true, 443) => Self::read(&format!("https://{host}"), false),
            (true, port) => Self::read(&format!("https://{host}:{port}"), false),
        }
    }

    pub(super) fn read(base: &str, set_by_hand: bool) -> Self {
        let (usual, rest) = match base.strip_prefix("https://") {
            Some(rest) => (443, rest),
            None => (80, base.strip_prefix("http://").unwrap_or(base)),
        };
        let authority = rest.split('/').next().unwrap_or(rest);
        let split = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match split {
            Some(at) => (&authority[..at], authority[at + 1..].parse().unwrap_or(usual)),
            None => (authority, usual),
        };
        Self { base: base.to_owned(), host: host.to_owned(), port, set_by_hand }
    }

    fn ip(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    fn is_local(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.ip().is_some_and(|address| address.is_loopback() || address.is_unspecified())
    }

    /// Why no device will find this address, in a sentence; empty where it is good.
    pub(super) fn warning(&self) -> String {
        if self.is_local() {
            return format!("{} is this machine itself: no device can reach it.", self.base);
        }
        let container = matches!(self.ip(), Some(IpAddr::V4(v4)) if {
            let [first, second, ..] = v4.octets();
            first == 172 && (16..=31).contains(&second)
        });
        if container && !self.set_by_hand {
            return format!("{} looks like the inside of a container.", self.base);
        }
        if self.base.starts_with("https://") {
            return "The address begins with https: a sketch needs a WiFiClientSecure for it, with \
                    the fingerprint from Settings."
                .to_owned();
        }
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (base, host, port) in [
            ("http://192.168.1.10:8000", "192.168.1.10", 8000),
            ("http://pi.lan", "pi.lan", 80),
            ("https://ota.example/base", "ota.example", 443),
            ("http://[fe80::1]:8000", "[fe80::1]", 8000),
            ("http://[fe80::1]", "[fe80::1]", 80),
        ] {
            let address = Address::read(base, false);
            assert_eq!((address.host.as_str(), address.port), (host, port), "{base}");
        }
    }

    #[test]
    fn addresses_that_no_device_reaches_are_told() {
        for (base, word) in [
            ("http://localhost:8000", "itself"),
            ("http://127.0.1.1", "itself"),
            ("http://[::1]:8000", "itself"),
            ("http://172.17.0.2:8000", "container"),
            ("https://pi.lan", "https"),
            ("http://192.168.1.10:8000", ""),
            ("http://172.32.0.2", ""),
        ] {
            let warning = Address::read(base, false).warning();
            assert_eq!(warning.is_empty(), word.is_empty(), "{base}: {warning}");
            assert!(warning.contains(word), "{base}: {warning}");
        }
        assert_eq!(Address::read("http://172.20.1.5", true).warning(), "");
    }

    #[test]
    fn this_machine_itself_is_replaced_by_its_address_in_the_network() {
        let lan = Some("192.168.1.10".parse().unwrap());
        let local = |base: &str| Address::read(base, false).in_network(lan).base;
        assert_eq!(local("http://localhost:8123"), "http://192.168.1.10:8123");
        assert_eq!(local("http://127.0.0.1"), "http://192.168.1.10");
        assert_eq!(local("https://localhost:8443"), "https://192.168.1.10:8443");
        assert_eq!(local("https://127.0.0.1"), "https://192.168.1.10");
        let none = Address::read("http://localhost:8123", false);
        let loopback = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(none.clone().in_network(loopback), none);
        assert_eq!(none.clone().in_network(None), none);
    }
}
