//! A release or draft, as it is shown.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::chip::Chip;
use crate::domain::policy::Channel;
use crate::domain::release::{Counters, Image, Packed, Part, Release, ReleaseState};
use crate::http::api::describe::Example;
use crate::http::api::words::{Time, Word};

/// A release or draft.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Release")]
pub(super) struct ReleaseView {
    /// Its number.
    id: i64,
    /// Its platform; a draft may have none yet.
    platform: Option<String>,
    /// Its version as found or typed; a draft may have none yet.
    version: Option<String>,
    /// Whom it is for: all devices, or those only that follow beta.
    channel: Word<Channel>,
    /// Where it stands.
    state: Word<ReleaseState>,
    /// Whether devices that run it get another one, even a lower one.
    recalled: bool,
    /// What a person wrote about it.
    notes: String,
    /// Its files.
    images: Vec<ImageView>,
    /// When it was uploaded.
    created_at: Time,
    /// When it was published, last.
    published_at: Option<Time>,
    /// When a draft is thrown away.
    expires_at: Option<Time>,
    counters: CountersView,
}

/// A firmware file. Of a compressed upload this is what was inside.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Image")]
pub(super) struct ImageView {
    /// Its number; null for a file that was only looked at.
    id: Option<i64>,
    /// What it is for: the program, or the files beside it.
    part: Word<Part>,
    /// The chip it is for; null for a file system that is for any.
    chip: Option<Word<Chip>>,
    /// Whether the file’s structure proves the chip, or a person said it; else `chip` is a guess of
    /// which only the family counts.
    chip_certain: bool,
    /// Bytes.
    size: u64,
    /// MD5, lower case.
    md5: String,
    /// SHA-256, lower case.
    sha256: String,
    /// Bytes of flash memory that the build was made for.
    flash_size: Option<u64>,
    /// Whether it is signed.
    signed: bool,
    /// Its compressed form; null while there is none.
    packed: Option<PackedView>,
    /// The name under which it was uploaded.
    file_name: String,
}

/// The compressed form (gzip) of an image, for ESP8266 devices that unpack it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Packed")]
struct PackedView {
    /// Bytes.
    size: u64,
    /// MD5, lower case: what a device verifies are the bytes it is sent.
    md5: String,
    /// SHA-256, lower case.
    sha256: String,
    /// Whether a signature follows the compressed data.
    signed: bool,
    /// Whether it was uploaded so, or the server made it.
    made_by: MadeBy,
}

/// How a compressed form came about.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MadeBy {
    Upload,
    Server,
}

/// What became of it so far.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Counters")]
struct CountersView {
    /// How many times it was offered (200).
    offers: u64,
    /// How many downloads were completed.
    downloads: u64,
    /// Bytes that were sent, aborted downloads included.
    bytes: u64,
}

impl From<Release> for ReleaseView {
    fn from(release: Release) -> Self {
        let Counters { offers, downloads, bytes } = release.counters;
        let images = release.images().cloned().map(ImageView::from).collect();
        Self {
            id: release.id,
            platform: release.platform,
            version: release.version.map(|version| version.to_string()),
            channel: Word(release.channel),
            state: Word(release.state),
            recalled: release.recalled,
            notes: release.notes,
            images,
            created_at: Time(release.created_at),
            published_at: release.published_at.map(Time),
            expires_at: release.expires_at.map(Time),
            counters: CountersView { offers, downloads, bytes },
        }
    }
}

impl From<Image> for ImageView {
    fn from(image: Image) -> Self {
        let any_chip = image.is_for_any_chip();
        Self {
            // An image that was only looked at has no number.
            id: Some(image.id).filter(|id| *id > 0),
            part: Word(image.part),
            chip: (!any_chip).then_some(Word(image.chip)),
            chip_certain: image.chip_certain,
            size: image.size,
            md5: image.md5.to_string(),
            sha256: image.sha256.to_string(),
            flash_size: image.flash_size,
            signed: image.signed,
            packed: image.packed.as_ref().map(PackedView::from),
            file_name: image.file_name,
        }
    }
}

impl From<&Packed> for PackedView {
    fn from(packed: &Packed) -> Self {
        Self {
            size: packed.size,
            md5: packed.md5.to_string(),
            sha256: packed.sha256.to_string(),
            signed: packed.signed,
            made_by: if packed.uploaded { MadeBy::Upload } else { MadeBy::Server },
        }
    }
}

const MD5: &str = "0cc175b9c0f1b6a831c399e269772661";
const SHA256: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

impl Example for ReleaseView {
    fn example() -> Self {
        Self {
            id: 7,
            platform: Some("chase".to_owned()),
            version: Some("v1.2.0".to_owned()),
            channel: Word(Channel::Stable),
            state: Word(ReleaseState::Published),
            recalled: false,
            notes: "Fades instead of blinking.".to_owned(),
            images: vec![ImageView::example()],
            created_at: Time::EXAMPLE,
            published_at: Some(Time::EXAMPLE),
            expires_at: None,
            counters: CountersView { offers: 5, downloads: 4, bytes: 1_205_824 },
        }
    }
}

impl Example for ImageView {
    fn example() -> Self {
        Self {
            id: Some(9),
            part: Word(Part::Application),
            chip: Some(Word(Chip::Esp8266)),
            chip_certain: true,
            size: 423_984,
            md5: MD5.to_owned(),
            sha256: SHA256.to_owned(),
            flash_size: Some(4_194_304),
            signed: false,
            packed: None,
            file_name: "chase-v1.2.0.ino.bin".to_owned(),
        }
    }
}
