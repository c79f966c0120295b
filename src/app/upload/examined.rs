//! A file that arrived whole, looked at.

use std::sync::Arc;

use bytes::Bytes;
use md5::Digest;

use super::super::Error;
use crate::blobs::{Arrived, BlobError};
use crate::domain::chip::{Chip, Family};
use crate::domain::digest::{Md5, Sha256};
use crate::domain::image::{
    self, Check, Contents, FileSystem, Form, Found, Gzip, ImageInfo, KnownNames, Severity, Source,
    Unusable, VersionCandidate, Warning,
};
use crate::domain::release::{ChipChoice, Image, Packed, Part};
use crate::domain::version::FirmwareVersion;
use crate::store::ImageDigest;

/// Bytes of the largest image that is compressed. An ESP8266 maps 1 MiB of program at most
/// (`protocol.md` §2.2), so that a larger file is none that one could unpack.
const LARGEST_SKETCH: usize = 2 << 20;

/// What is in a file that can be published.
#[derive(Debug, Clone)]
pub enum Inside {
    /// An application, plain or compressed.
    Application(Box<ImageInfo>),
    /// A file system.
    FileSystem(FileSystem),
}

/// Everything that was read out of a file.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What is in it.
    pub inside: Inside,
    /// What is odd about it.
    pub warnings: Vec<Warning>,
    /// The image as it is stored.
    pub image: Image,
    /// Whether the file itself proves the chip, so that nobody needs to say it.
    pub chip_proven: bool,
    /// The digests that devices may report for it; only found where it is to be kept.
    pub digests: Vec<ImageDigest>,
    /// Whether a compressed form may be made of it.
    pub packable: bool,
    /// About how many bytes that will have.
    pub packed_estimate: Option<u64>,
}

impl Examined {
    /// What was read out of an application.
    #[must_use]
    pub fn info(&self) -> Option<&ImageInfo> {
        match &self.inside {
            Inside::Application(info) => Some(info),
            Inside::FileSystem(_) => None,
        }
    }

    /// What is stored of it already: among that a person's word on the chip.
    pub(super) fn remember(&mut self, stored: Image) {
        if stored.packed.is_some() {
            self.packable = false;
        }
        let (chip, certain) = (self.image.chip, self.image.chip_certain);
        self.image = stored;
        if self.chip_proven {
            (self.image.chip, self.image.chip_certain) = (chip, certain);
        }
    }

    /// A person's word on the chip, where the file does not prove it.
    pub(super) fn choose_chip(&mut self, choice: ChipChoice) -> Result<(), Error> {
        let guess = self.info().map_or(Chip::Esp8266, |info| info.chip);
        let (chip, certain) = match choice {
            ChipChoice::Any if self.chip_proven => return Ok(()),
            ChipChoice::Any => (guess, false),
            ChipChoice::One(chip) => (chip, true),
        };
        if self.chip_proven && self.image.chip != chip {
            return Err(Error::Value {
                field: "the chip",
                value: chip.to_string(),
                expected: "the one that the file proves, or none",
            });
        }
        (self.image.chip, self.image.chip_certain) = (chip, certain);
        Ok(())
    }

    /// The version it states, for the platform of this name.
    #[must_use]
    pub fn version(&self, platform: Option<&str>) -> Found<VersionCandidate> {
        let name = Some(self.image.file_name.as_str());
        match &self.inside {
            Inside::Application(info) => info.version(platform, name),
            Inside::FileSystem(_) => self
                .version_in_name()
                .map_or(Found::Nothing, |candidate| Found::Several(vec![candidate])),
        }
    }

    /// The version that the name under which it was uploaded says.
    #[must_use]
    pub fn version_in_name(&self) -> Option<VersionCandidate> {
        image::version_in_file_name(&self.image.file_name)
    }

    /// The version that the file itself rather says, whatever its name.
    pub(super) fn version_inside(&self, platform: Option<&str>) -> Option<FirmwareVersion> {
        let all = self.versions(platform);
        let mut inside = all.iter().filter(|found| found.source < Source::FileName);
        inside.next().map(|found| FirmwareVersion::read(&found.text))
    }

    /// All version candidates: what the rules propose for the platform first, then the rest.
    #[must_use]
    pub fn versions(&self, platform: Option<&str>) -> Vec<VersionCandidate> {
        let mut all = match self.version(platform) {
            Found::Nothing => Vec::new(),
            Found::One(one) => vec![one],
            Found::Several(several) => several,
        };
        for other in self.info().map(|info| info.versions.as_slice()).unwrap_or_default() {
            if !all.iter().any(|candidate| candidate.text == other.text) {
                all.push(other.clone());
            }
        }
        all
    }

    /// Finds the digests that devices may report for the image with these bytes.
    fn digest(&mut self, bytes: &[u8]) {
        let Inside::Application(info) = &self.inside else { return };
        let digests = image::digests(bytes, info, Some((self.image.md5, self.image.sha256)));
        let md5 = digests.md5.into_iter().map(|(md5, variant)| (md5.to_string(), variant));
        let sha256 = digests.sha256.into_iter();
        let sha256 = sha256.map(|(sha256, variant)| (sha256.to_string(), variant));
        let digest = |(digest, variant): (String, image::Variant)| ImageDigest {
            digest,
            flash_mode: variant.flash_mode(),
        };
        self.digests = md5.chain(sha256).map(digest).collect();
    }
}

/// Looks at a file; what was compressed in it comes beside it.
///
/// # Errors
/// [`Error::Unusable`] where it can never be sent.
pub(super) fn examine(
    file: &Original,
    known: &KnownNames,
    limit: usize,
) -> Result<(Examined, Option<Bytes>), Error> {
    match image::examine(&file.bytes, known, limit) {
        Contents::Application(info) => {
            let mut examined = application(file, info);
            let packable = examined.packable;
            examined.packed_estimate =
                packable.then(|| super::super::packing::estimate(&file.bytes));
            Ok((examined, None))
        }
        Contents::Compressed { application, gzip } => {
            let (examined, inflated) = compressed(file, application, *gzip);
            Ok((examined, Some(inflated)))
        }
        Contents::FileSystem { file_system, warnings } => {
            Ok((files(file, file_system, warnings), None))
        }
        Contents::Merged { merged, .. } => Err(Error::Unusable(merged.refusal(), Some(merged))),
        Contents::PartitionTable(_) => Err(Error::Unusable(Unusable::PartitionTable, None)),
        Contents::Other(why) => Err(Error::Unusable(why, None)),
    }
}

/// A file with its digests and the name it came under.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) bytes: Bytes,
    pub(super) sha256: Sha256,
    pub(super) md5: Md5,
    pub(super) file_name: String,
}

impl Original {
    pub(super) fn new(arrived: &Arrived, file_name: String) -> Self {
        let (sha256, md5) = (arrived.sha256, arrived.md5);
        Self { bytes: arrived.bytes.clone(), sha256, md5, file_name }
    }

    /// The image as far as it is the same for every kind of file.
    fn image(&self, part: Part) -> Image {
        Image {
            id: 0,
            sha256: self.sha256,
            md5: self.md5,
            size: self.bytes.len() as u64,
            part,
            chip: Chip::Esp8266,
            chip_certain: false,
            flash_size: None,
            flash_mode: None,
            signed: false,
            unpacks: false,
            appended_sha256: None,
            packed: None,
            file_name: self.file_name.clone(),
        }
    }
}

fn application(file: &Original, info: Box<ImageInfo>) -> Examined {
    let flash = info.flash.as_ref();
    let image = Image {
        chip: info.chip,
        chip_certain: info.chip_certain,
        flash_size: flash.and_then(|flash| flash.size_bytes),
        flash_mode: info.flash_mode_byte(),
        signed: info.signature.is_some(),
        unpacks: info.gz_capable(),
        appended_sha256: info.appended_sha256.map(Sha256),
        ..file.image(Part::Application)
    };
    let packable = info.chip.family() == Family::Esp8266
        && info.form == Form::Esp8266Arduino
        && file.bytes.len() <= LARGEST_SKETCH
        && info.signature.is_none()
        && !info.is_fatal()
        && !matches!(info.integrity.crc32, Check::Wrong { .. });
    Examined {
        digests: Vec::new(),
        warnings: info.warnings.clone(),
        packable,
        packed_estimate: None,
        chip_proven: image.chip_certain,
        image,
        inside: Inside::Application(info),
    }
}

/// What is inside is the image; the file around it is the form in which it can be sent.
fn compressed(file: &Original, info: Box<ImageInfo>, mut gzip: Gzip) -> (Examined, Bytes) {
    let inflated = Bytes::from(std::mem::take(&mut gzip.inflated));
    let inner = Original {
        sha256: Sha256(sha2::Sha256::digest(&inflated).into()),
        md5: Md5(md5::Md5::digest(&inflated).into()),
        bytes: inflated.clone(),
        file_name: file.file_name.clone(),
    };
    let mut examined = application(&inner, info);
    let signed = gzip.signature.is_some();
    examined.image.packed = Some(Packed {
        sha256: file.sha256,
        md5: file.md5,
        size: file.bytes.len() as u64,
        signed,
        uploaded: true,
    });
    examined.image.signed |= signed;
    examined.packable = false;
    examined.warnings.append(&mut gzip.warnings);
    (examined, inflated)
}

fn files(file: &Original, file_system: FileSystem, warnings: Vec<Warning>) -> Examined {
    let mut image = file.image(Part::FileSystem);
    if file_system.family == Some(Family::Esp8266) {
        image.chip_certain = true;
    }
    let inside = Inside::FileSystem(file_system);
    Examined {
        inside,
        warnings,
        image,
        chip_proven: false,
        digests: Vec::new(),
        packable: false,
        packed_estimate: None,
    }
}

/// What was read out of a file, and what was compressed in it.
type Read = Result<(Examined, Option<Bytes>), Error>;

/// Looks at a file on a thread of its own, so that polls go on meanwhile.
pub(super) async fn examine_apart(file: Original, known: Arc<KnownNames>, limit: u64) -> Read {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    apart(move || examine(&file, &known, limit)).await
}

/// The same for a file that is to be kept: with the digests that devices may report for it.
pub(super) async fn examine_to_keep(file: Original, known: Arc<KnownNames>, limit: u64) -> Read {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    apart(move || {
        let (mut examined, inflated) = examine(&file, &known, limit)?;
        examined.digest(inflated.as_ref().unwrap_or(&file.bytes));
        Ok((examined, inflated))
    })
    .await
}

async fn apart(work: impl FnOnce() -> Read + Send + 'static) -> Read {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::Blob(BlobError::Io(std::io::Error::other(error))))?
}

/// The warnings of a severity.
pub(super) fn warned(warnings: &[Warning], severity: Severity) -> impl Iterator<Item = &Warning> {
    warnings.iter().filter(move |warning| warning.severity == severity)
}
