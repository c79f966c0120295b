//! What can be found out about the machine this runs on.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;

/// What lies in a data folder and is nobody else's business: it holds secrets, or names of people.
const PRIVATE: [&str; 7] = [
    "",
    "espalier.db",
    "espalier.db-wal",
    "espalier.db-shm",
    "espalier.lock",
    "tls",
    "tls/key.pem",
];

/// Makes the data folder, and an empty database where there is none, for this user alone; takes
/// from others what they may do with those that are there already, where they are this user's.
///
/// # Errors
/// Where the folder or the file cannot be made.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ if !folder.is_dir() => return Err(io::ErrorKind::NotADirectory.into()),
        _ => {}
    }
    options.create(true).append(true);
    for name in ["espalier.db", "espalier.lock"] {
        options.open(folder.join(name))?;
    }
    #[cfg(unix)]
    for name in PRIVATE {
        tighten(&folder.join(name));
    }
    Ok(())
}

/// Leaves a file or folder to its owner alone, where that is this user.
#[cfg(unix)]
fn tighten(path: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    // What is not there needs nothing, and a link leads to what is not ours.
    let Ok(facts) = fs::symlink_metadata(path) else { return };
    let mode = facts.mode() & 0o7777;
    let own = fs::metadata("/proc/self").map_or(true, |me| me.uid() == facts.uid());
    let closed = mode & !0o077;
    if facts.is_symlink() || !own || mode == closed {
        return;
    }
    // Where that is not possible, on a share of another machine, it was not ours to decide.
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(closed)) {
        tracing::debug!(%error, path = %path.display(), "others may keep reading this");
    }
}

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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_reads_what_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("a/data");
        let mode = |name: &str| fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        private_folder(&data).unwrap();
        assert_eq!((mode(""), mode("espalier.db"), mode("espalier.lock")), (0o700, 0o600, 0o600));
        // What an earlier version left open is closed; what lies beside it is not ours.
        fs::write(data.join("espalier.db"), "kept").unwrap();
        fs::write(data.join("notes.txt"), "").unwrap();
        for name in ["", "espalier.db", "notes.txt"] {
            let mode = if name.is_empty() { 0o755 } else { 0o644 };
            fs::set_permissions(data.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        private_folder(&data).unwrap();
        assert_eq!((mode(""), mode("espalier.db"), mode("notes.txt")), (0o700, 0o600, 0o644));
        assert_eq!(fs::read(data.join("espalier.db")).unwrap(), b"kept");
        assert!(private_folder(&data.join("notes.txt")).is_err());
    }
}
