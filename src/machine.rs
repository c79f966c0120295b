//! What can be found out about the machine this runs on.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

/// Whether this runs in a container, whose own address is nobody's business.
#[must_use]
pub fn in_container() -> bool {
    Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

/// The address of this machine in its network: the one it would send from. Nothing is sent.
#[must_use]
pub fn lan_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then_some(address)
}
