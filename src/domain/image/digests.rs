//! The digests by which a device that runs an image may name it.
//!
//! A device reports what lies in its flash memory, which is not always what lies in the file: an
//! update writes the device's own flash mode into the header, a signature is left out or counted
//! in, a cable may change mode, size and clock.

use md5::Digest;

use super::bytes::index;
use super::facts::{Check, Form, Signature, SignatureScheme};
use super::info::ImageInfo;
use super::segments::MAGIC;
use crate::domain::chip::Family;
use crate::domain::digest::{Md5, Sha256};

/// The flash modes that an ESP8266 knows: QIO, QOUT, DIO, DOUT.
const MODES: std::ops::RangeInclusive<u8> = 0..=3;
/// The flash sizes that an ESP8266's header can name (`protocol.md` §8.1).
const SIZES: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 8, 9];
/// Bytes of the largest file that an ESP8266 may run: it maps 1 MiB of program at most
/// (`protocol.md` §2.2), and the rest is left to layouts that nobody knows yet.
const LARGEST_SKETCH: usize = 4 << 20;
/// The clocks that it can name: 40, 26, 20 and 80 MHz.
const CLOCKS: [u8; 4] = [0, 1, 2, 15];

/// How what a device has in its flash memory differs from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// It does not: the whole file.
    File,
    /// The image alone, without padding, signature or whatever else stands behind it.
    Image,
    /// The image and the signature behind it: what a device reports that checks signatures.
    Signed,
    /// The image with this flash mode in its header: the device's own, which the update wrote
    /// there.
    FlashMode(u8),
    /// The image with these bytes for flash mode, and for size and clock: written by a cable.
    FlashHeader(u8, u8),
    /// The SHA-256 that the build appended to the image, which leaves out itself.
    Appended,
}

impl Variant {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Image => "image",
            Self::Signed => "signed",
            Self::FlashMode(_) => "flash_mode",
            Self::FlashHeader(..) => "flash_header",
            Self::Appended => "appended",
        }
    }

    /// The flash mode in the header of a device that runs this variant of an image, as it stands
    /// in byte 2; `None` where it is the file's own.
    #[must_use]
    pub const fn flash_mode(self) -> Option<u8> {
        match self {
            Self::FlashMode(mode) | Self::FlashHeader(mode, _) => Some(mode),
            Self::File | Self::Image | Self::Signed | Self::Appended => None,
        }
    }
}

/// Every digest that a device may report for an image, each once, the likeliest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digests {
    /// What `x-ESP8266-sketch-md5` and `x-ESP32-sketch-md5` may say.
    pub md5: Vec<(Md5, Variant)>,
    /// What `x-ESP32-sketch-sha256` may say, and the file's own.
    pub sha256: Vec<(Sha256, Variant)>,
}

/// The digests of an image; `bytes` are the unpacked ones of a compressed file. `whole`: those of
/// the whole file, where they are known already.
#[must_use]
pub fn digests(bytes: &[u8], info: &ImageInfo, whole: Option<(Md5, Sha256)>) -> Digests {
    let mut digests = Digests::default();
    let esp32 = info.chip.family() == Family::Esp32;
    if let (true, Some(held)) = (esp32, info.appended_sha256) {
        digests.sha256.push((Sha256(held), Variant::Appended));
    }
    for (part, variant) in parts(bytes, info) {
        let known = whole.filter(|_| part.len() == bytes.len());
        let md5 = known.map_or_else(|| Md5::of(part), |(md5, _)| md5);
        push(&mut digests.md5, md5, variant);
        let wanted = variant == Variant::File || (esp32 && info.appended_sha256.is_none());
        if wanted {
            let sha256 = || Sha256(sha2::Sha256::digest(part).into());
            push(&mut digests.sha256, known.map_or_else(sha256, |(_, sha256)| sha256), variant);
        }
    }
    if bytes.len() > LARGEST_SKETCH {
        return digests;
    }
    for mode in MODES {
        if let Some(md5) = with_header(bytes, info, mode, None) {
            push(&mut digests.md5, md5, Variant::FlashMode(mode));
        }
    }
    digests
}

/// Looks for digests that [`digests`] leaves out because they are many and rare: those of an
/// ESP8266 image whose flash size and clock a cable changed with the mode. Only to be called with
/// a digest that is known to nothing else.
#[must_use]
pub fn rare_digests(bytes: &[u8], info: &ImageInfo, wanted: &[Md5]) -> Option<(Md5, Variant)> {
    if wanted.iter().all(|md5| *md5 == Md5::OF_NOTHING) {
        return None;
    }
    let packed = SIZES.into_iter().flat_map(|size| CLOCKS.map(|clock| size << 4 | clock));
    let headers = packed.flat_map(|packed| MODES.map(move |mode| (mode, packed)));
    let mut others = headers.filter(|(_, packed)| bytes.get(3) != Some(packed));
    others.find_map(|(mode, packed)| {
        let md5 = with_header(bytes, info, mode, Some(packed))?;
        wanted.contains(&md5).then_some((md5, Variant::FlashHeader(mode, packed)))
    })
}

fn push<T: PartialEq>(all: &mut Vec<(T, Variant)>, digest: T, variant: Variant) {
    if !all.iter().any(|(known, _)| *known == digest) {
        all.push((digest, variant));
    }
}

/// The different beginnings of a file that a device may have: the file, the image, the image with
/// its signature.
fn parts<'a>(bytes: &'a [u8], info: &ImageInfo) -> Vec<(&'a [u8], Variant)> {
    let signed = info.signature.filter(|signature| signature.scheme != SignatureScheme::Esp8266);
    let signed = signed.map(|Signature { offset, len, .. }| offset.saturating_add(len));
    let mut parts = vec![(bytes, Variant::File)];
    for (len, variant) in [
        (info.image_len, Variant::Image),
        (Some(info.payload_len()), Variant::Image),
        (signed, Variant::Signed),
    ] {
        let part = len.and_then(|len| bytes.get(..usize::try_from(len).ok()?));
        let new = part.filter(|part| {
            !part.is_empty() && !parts.iter().any(|(known, _)| known.len() == part.len())
        });
        parts.extend(new.map(|part| (part, variant)));
    }
    parts
}

/// The MD5 of an ESP8266's image with other bytes for flash mode, and for size and clock.
fn with_header(bytes: &[u8], info: &ImageInfo, mode: u8, packed: Option<u8>) -> Option<Md5> {
    if info.chip.family() != Family::Esp8266 {
        return None;
    }
    let len = info.image_len.unwrap_or_else(|| info.payload_len());
    let image = bytes.get(..index(u32::try_from(len).ok()?))?;
    let ([MAGIC, segments, _, old], rest) = image.split_first_chunk::<4>()? else {
        return None;
    };
    let mut digest = md5::Md5::new();
    digest.update([MAGIC, *segments, mode, packed.unwrap_or(*old)]);
    digest.update(rest);
    Some(Md5(digest.finalize().into()))
}

impl ImageInfo {
    /// The byte of the header that tells the flash mode: what an update overwrites with the
    /// device's own.
    #[must_use]
    pub fn flash_mode_byte(&self) -> Option<u8> {
        self.flash.map(|flash| flash.mode_byte)
    }

    /// Whether an ESP8266 that runs this image unpacks a compressed update: its core is 2.7.0 or
    /// newer, as the right CRC block shows.
    #[must_use]
    pub fn gz_capable(&self) -> bool {
        self.form == Form::Esp8266Arduino && self.integrity.crc32 == Check::Right
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::build::{Esp32, esp8266, noise};
    use super::super::{KnownNames, inspect};
    use super::*;

    fn of(file: &[u8]) -> (ImageInfo, Digests) {
        let info = inspect(file, &KnownNames::default()).unwrap();
        let digests = digests(file, &info, None);
        (info, digests)
    }

    fn md5(bytes: &[u8]) -> Md5 {
        Md5(md5::Md5::digest(bytes).into())
    }

    fn sha256(bytes: &[u8]) -> Sha256 {
        Sha256(sha2::Sha256::digest(bytes).into())
    }

    fn with(file: &[u8], at: usize, byte: u8) -> Vec<u8> {
        let mut file = file.to_vec();
        file[at] = byte;
        file
    }

    #[test]
    fn an_esp8266_may_run_the_image_in_each_flash_mode() {
        let plain = esp8266(b"x");
        assert_eq!(plain[2], 2);
        let (info, found) = of(&plain);
        let mut expected = vec![(md5(&plain), Variant::File)];
        expected
            .extend([0, 1, 3].map(|mode| (md5(&with(&plain, 2, mode)), Variant::FlashMode(mode))));
        assert_eq!(found.md5, expected);
        assert_eq!(found.sha256, [(sha256(&plain), Variant::File)]);
        assert_eq!((info.flash_mode_byte(), info.gz_capable()), (Some(2), true));

        // A device has neither the signature nor what else stands behind the image.
        expected[0].1 = Variant::Image;
        for trailer in [[noise(256), 256_u32.to_le_bytes().to_vec()].concat(), vec![0xFF; 99]] {
            let file = [&plain[..], &trailer].concat();
            let (_, found) = of(&file);
            assert_eq!(found.md5[0], (md5(&file), Variant::File));
            assert_eq!(found.md5[1..], expected);
        }
    }

    #[test]
    fn an_esp32_runs_the_image_as_it_is() {
        let file = Esp32::arduino(b"x").build();
        let (info, found) = of(&file);
        let appended = Sha256(info.appended_sha256.unwrap());
        assert_eq!(found.md5, [(md5(&file), Variant::File)]);
        assert_eq!(found.sha256, [(appended, Variant::Appended), (sha256(&file), Variant::File)]);
        assert_eq!(appended, sha256(&file[..file.len() - 32]));
        assert!(!info.gz_capable());

        let bare = Esp32 { hashed: false, ..Esp32::arduino(b"x") }.build();
        let padded = [&bare[..], &[0xFF; 100]].concat();
        let (_, found) = of(&padded);
        assert_eq!(
            found.sha256,
            [(sha256(&padded), Variant::File), (sha256(&bare), Variant::Image)]
        );
    }

    #[test]
    fn a_device_that_checks_signatures_counts_them_in() {
        let plain = Esp32::arduino(b"x").build();
        let mut signed = plain.clone();
        signed.resize(plain.len().next_multiple_of(4096), 0xFF);
        signed.push(0xE7);
        signed.resize(signed.len().next_multiple_of(4096), 1);
        let padded = [&signed[..], &[0xFF; 100]].concat();
        assert_eq!(
            of(&padded).1.md5,
            [
                (md5(&padded), Variant::File),
                (md5(&plain), Variant::Image),
                (md5(&signed), Variant::Signed),
            ]
        );
        assert_eq!(of(&signed).1.md5.len(), 2);
    }

    #[test]
    fn what_a_cable_changed_is_found_on_demand() {
        let file = esp8266(b"x");
        let (info, found) = of(&file);
        let changed = with(&with(&file, 2, 3), 3, 0x9F);
        let strange = md5(b"strange");
        assert!(!found.md5.iter().any(|(known, _)| *known == md5(&changed)));
        assert_eq!(
            rare_digests(&file, &info, &[strange, md5(&changed)]),
            Some((md5(&changed), Variant::FlashHeader(3, 0x9F)))
        );
        for nothing in [&[][..], &[strange], &[Md5::OF_NOTHING], &[md5(&with(&file, 3, 0x7F))]] {
            assert_eq!(rare_digests(&file, &info, nothing), None);
        }
        let esp32 = Esp32::arduino(b"x").build();
        let info = of(&esp32).0;
        assert_eq!(rare_digests(&esp32, &info, &[md5(&with(&esp32, 3, 0))]), None);
    }

    #[test]
    fn a_stub_has_digests_too() {
        let stub = [&[0xE9][..], &[0xFF; 15]].concat();
        let (info, found) = of(&stub);
        assert_eq!((found.md5[0], found.md5.len()), ((md5(&stub), Variant::File), 5));
        assert!(!info.gz_capable());
    }
}
