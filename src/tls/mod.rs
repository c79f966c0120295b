//! TLS: which certificate is shown, and records that fit the one who asks.
//!
//! rustls with `ring` speaks TLS 1.2 and 1.3. The certificate is read again when its files change;
//! connections that are open keep theirs.

mod certificate;
mod hello;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::ServerSessionMemoryCache;
use rustls::version::{TLS12, TLS13};

pub use certificate::{Files, Fingerprints};
pub use hello::{LONGEST_LOOK, Opening, Records, read};

use certificate::Stamp;

/// The sessions that clients may come back to: a handshake costs an ESP8266 a second.
const SESSIONS: usize = 1024;
/// The bytes of a record's own head, which rustls counts as part of its size.
const RECORD_HEAD: usize = 5;

/// Why a certificate cannot be used, in words for the person who chose it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("the {what} file {} (--tls-{}, ESPALIER_TLS_{}) cannot be read: {source}", .path.display(), short(.what), short(.what).to_uppercase())]
    Read {
        /// `certificate` or `key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate in the file.
    #[error("{} (--tls-cert, ESPALIER_TLS_CERT) holds no certificate; expected PEM, a text with “-----BEGIN CERTIFICATE-----”", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file.
    #[error("{} (--tls-key, ESPALIER_TLS_KEY) holds no private key; expected PEM without a password, a text with “-----BEGIN PRIVATE KEY-----”", .0.display())]
    NoKey(PathBuf),
    /// The two do not go together, or are of a kind that is not known.
    #[error("the certificate {} and the key {} cannot be used together: {source}", .certificate.display(), .key.display())]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A file is not named.
    #[error(
        "ESPALIER_TLS=files (--tls) needs a certificate and its key: name both files by --tls-cert and --tls-key (ESPALIER_TLS_CERT, ESPALIER_TLS_KEY)"
    )]
    Unnamed,
    /// A certificate cannot be made.
    #[error("no certificate could be made: {0}")]
    Make(#[from] rcgen::Error),
    /// A certificate that was made cannot be kept.
    #[error("the certificate cannot be kept in {}: {source}", .path.display())]
    Write {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn short(what: &str) -> &str {
    if what == "certificate" { "cert" } else { what }
}

/// The certificate in use, and what watches its files.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    made_here: bool,
    current: ArcSwap<Current>,
    /// When the files were last looked at: as they were then, good or bad.
    seen: Mutex<Stamp>,
}

#[derive(Debug)]
struct Current {
    /// For each of [`Records::ALL`].
    configs: [Arc<ServerConfig>; 5],
    fingerprints: Fingerprints,
}

impl Tls {
    /// With the certificate and key in these files.
    ///
    /// # Errors
    /// [`TlsError`] where they cannot be used.
    pub fn files(files: Files) -> Result<Self, TlsError> {
        Self::open(files, false)
    }

    /// With a certificate for these names and addresses, which is made at the first start and kept
    /// in the data folder.
    ///
    /// # Errors
    /// [`TlsError`] where it cannot be made, kept or used.
    pub fn self_signed(data: &Path, names: &[String]) -> Result<Self, TlsError> {
        let files = Files::own(data);
        files.make(names)?;
        Self::open(files, true)
    }

    fn open(files: Files, made_here: bool) -> Result<Self, TlsError> {
        let seen = Mutex::new(files.stamp());
        let current = ArcSwap::from_pointee(Current::load(&files)?);
        Ok(Self { files, made_here, current, seen })
    }

    /// The settings of a connection whose records hold no more than this.
    #[must_use]
    pub fn config(&self, records: Records) -> Arc<ServerConfig> {
        let at = Records::ALL.iter().position(|size| *size == records).unwrap_or(0);
        Arc::clone(&self.current.load().configs[at])
    }

    /// Of the certificate in use.
    #[must_use]
    pub fn fingerprints(&self) -> Fingerprints {
        self.current.load().fingerprints
    }

    /// Whether the certificate was made here, so that no authority vouches for it.
    #[must_use]
    pub const fn is_made_here(&self) -> bool {
        self.made_here
    }

    /// Where the certificate is kept.
    #[must_use]
    pub const fn location(&self) -> &Files {
        &self.files
    }

    /// Reads the files again if they have changed; what cannot be used is told in the log, and the
    /// certificate stays as it is. Says whether a new one is in use.
    pub fn refresh(&self) -> bool {
        let stamp = self.files.stamp();
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == stamp {
                return false;
            }
            *seen = stamp;
        }
        match Current::load(&self.files) {
            Ok(current) => {
                let sha256 = current.fingerprints.sha256();
                self.current.store(Arc::new(current));
                tracing::info!(tls.sha256 = sha256, "the certificate was read again");
                true
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the new certificate cannot be used; the old one stays");
                false
            }
        }
    }
}

impl Current {
    fn load(files: &Files) -> Result<Self, TlsError> {
        let pair = files.read()?;
        let fingerprints = Fingerprints::of(&pair.chain[0]);
        let config = config(pair).map_err(|source| TlsError::Unfit {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            source,
        })?;
        let configs = Records::ALL.map(|records| {
            let mut config = config.clone();
            config.max_fragment_size = Some(records.bytes() + RECORD_HEAD);
            Arc::new(config)
        });
        Ok(Self { configs, fingerprints })
    }
}

fn config(pair: certificate::Pair) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let versions =
        ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS12, &TLS13])?;
    let mut config = versions.with_no_client_auth().with_single_cert(pair.chain, pair.key)?;
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn made(folder: &Path) -> Files {
        let files = Files::own(folder);
        files.make(&["localhost".to_owned()]).unwrap();
        files
    }

    #[test]
    fn a_new_certificate_takes_the_place_of_the_old_one_and_a_broken_one_does_not() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (files, spare) = (made(one.path()), made(other.path()));
        let tls = Tls::files(files.clone()).unwrap();
        let first = tls.fingerprints();
        assert!(!tls.refresh(), "nothing has changed");
        fs::write(&files.certificate, "half a certificate").unwrap();
        assert!(!tls.refresh());
        assert_eq!(tls.fingerprints(), first);
        // The certificate is new, its key not yet.
        fs::write(
            &files.certificate,
            [fs::read(&spare.certificate).unwrap(), b"\n".to_vec()].concat(),
        )
        .unwrap();
        assert!(!tls.refresh());
        assert_eq!(tls.fingerprints(), first);
        fs::write(&files.key, [fs::read(&spare.key).unwrap(), b"\n\n".to_vec()].concat()).unwrap();
        assert!(tls.refresh());
        assert_ne!(tls.fingerprints(), first);
        fs::remove_file(&files.key).unwrap();
        assert!(!tls.refresh());
        assert_eq!(tls.config(Records::Bytes512).max_fragment_size, Some(517));
    }

    #[test]
    fn what_is_wrong_with_the_files_is_told_with_the_variable() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let good = made(folder.path());
        let error = |certificate: &Path, key: &Path| {
            let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
            Tls::files(files).unwrap_err().to_string()
        };
        let missing = folder.path().join("missing.pem");
        assert!(error(&missing, &good.key).contains("ESPALIER_TLS_CERT"));
        assert!(error(&good.certificate, &missing).contains("ESPALIER_TLS_KEY"));
        assert!(error(&good.key, &good.key).contains("holds no certificate"));
        assert!(error(&good.certificate, &good.certificate).contains("holds no private key"));
        let text = error(&good.certificate, &made(other.path()).key);
        assert!(text.contains("cannot be used together"), "{text}");
    }
}
