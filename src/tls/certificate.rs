//! Certificates and their keys: in files of their own, or made here.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::TlsError;

/// The folder of the certificate that is made here, beneath the data folder.
const FOLDER: &str = "tls";
/// Years in which it is valid. Devices cannot be told of a new one, and many know no date.
const VALID: (i32, i32) = (2020, 2049);

/// Where a certificate and its key are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those that vouch for it, as PEM.
    pub certificate: PathBuf,
    /// The private key, as PEM.
    pub key: PathBuf,
}

/// When two files were last written, and how long they are.
pub(super) type Stamp = [Option<(SystemTime, u64)>; 2];

/// A certificate with those that vouch for it, and its key.
pub(super) struct Pair {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// How a device recognises a certificate without a clock and without authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprints {
    sha1: [u8; 20],
    sha256: [u8; 32],
}

impl Fingerprints {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let sha1 = Sha1::digest(certificate).into();
        Self { sha1, sha256: Sha256::digest(certificate).into() }
    }

    /// The SHA-1, as `WiFiClientSecure::setFingerprint` of the ESP8266 takes it.
    #[must_use]
    pub fn sha1(&self) -> String {
        hex(&self.sha1)
    }

    /// The SHA-256.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&self.sha256)
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 3);
    for (at, byte) in bytes.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

impl Files {
    /// Those of the certificate that is made here.
    pub(super) fn own(data: &Path) -> Self {
        let folder = data.join(FOLDER);
        Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
    }

    /// When they were written; changes with every change of one of them.
    pub(super) fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|path| {
            let facts = fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        })
    }

    /// Reads both.
    pub(super) fn read(&self) -> Result<Pair, TlsError> {
        let text = read(&self.certificate, "certificate")?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::NoCertificate(self.certificate.clone()))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key, "key")?);
        let key = key.map_err(|_: pem::Error| TlsError::NoKey(self.key.clone()))?;
        Ok(Pair { chain, key })
    }

    /// Makes a certificate for these names and addresses, where none is there yet.
    ///
    /// The key is written first: a certificate without its key cannot be left behind.
    pub(super) fn make(&self, names: &[String]) -> Result<(), TlsError> {
        if self.certificate.exists() {
            return Ok(());
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params(names)?.self_signed(&key)?;
        let folder = self.key.parent().unwrap_or(Path::new("."));
        let failed = |source| TlsError::Write { path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        write(&self.key, &key.serialize_pem(), 0o600).map_err(failed)?;
        write(&self.certificate, &certificate.pem(), 0o644).map_err(failed)
    }
}

fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::Read { what, path: path.to_owned(), source })
}

fn params(names: &[String]) -> Result<CertificateParams, TlsError> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Espalier");
    params.not_before = date_time_ymd(VALID.0, 1, 1);
    params.not_after = date_time_ymd(VALID.1, 12, 31);
    // No authority: whoever trusts it trusts this server alone.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// Writes a whole file or none.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_written_as_sketches_take_them() {
        let prints = Fingerprints::of(b"abc");
        assert_eq!(prints.sha1(), "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D");
        assert!(prints.sha256().starts_with("BA:78:16:BF:8F:01:CF:EA:"));
        assert_eq!(prints.sha256().len(), 95);
    }

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_the_owners() {
        let data = tempfile::tempdir().unwrap();
        let files = Files::own(data.path());
        let names = ["localhost", "192.168.1.10", "ota.lan"].map(str::to_owned);
        files.make(&names).unwrap();
        let pair = files.read().unwrap();
        assert_eq!(pair.chain.len(), 1);
        files.make(&names).unwrap();
        assert_eq!(files.read().unwrap().chain, pair.chain, "a second start keeps it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&files.key).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        for name in names.iter().filter(|name| !name.starts_with("192")) {
            let der: &[u8] = &pair.chain[0];
            assert!(memchr::memmem::find(der, name.as_bytes()).is_some(), "{name}");
        }
        assert!(memchr::memmem::find(&pair.chain[0], &[192, 168, 1, 10]).is_some());
    }
}
