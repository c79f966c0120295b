//! The same verdict as esptool, the tool of the maker: chip, check byte and digest of each image,
//! sound and damaged. Skips where esptool is not installed (`pip install esptool`), unless
//! `ESPALIER_REQUIRE_ESPTOOL=1`.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
#![expect(clippy::print_stdout, reason = "the table is for people")]

use std::path::{Path, PathBuf};
use std::process::Command;

use espalier::domain::image::{Check, Form, ImageInfo, KnownNames, Unusable, inspect};

/// Where images may lie; a folder that is not there is named and skipped.
const FOLDERS: [&str; 2] = ["tests/images", "../shared/make-images/out"];

/// What esptool says about an image.
#[derive(Debug, PartialEq, Eq)]
struct Opinion {
    chip: String,
    checksum: bool,
    digest: Option<bool>,
}

/// The program under one of its names.
fn esptool() -> Option<&'static str> {
    ["esptool", "esptool.py"].into_iter().find(|name| {
        let answer = Command::new(name).arg("version").output();
        answer.is_ok_and(|answer| answer.status.success())
    })
}

fn images() -> Vec<PathBuf> {
    let mut all = Vec::new();
    for folder in FOLDERS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let Ok(entries) = path.read_dir() else {
            println!("skipped: the folder {folder} is not there");
            continue;
        };
        all.extend(entries.map(|entry| entry.unwrap().path()));
    }
    all.retain(|path| path.extension().is_some_and(|end| end == "bin"));
    all.sort();
    all
}

/// Asks esptool, which guesses the chip itself.
fn ask(esptool: &str, path: &Path) -> Opinion {
    let answer = Command::new(esptool).arg("image_info").arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&answer.stdout).to_ascii_lowercase();
    let line = |key: &str| {
        let found = text.lines().find_map(|line| line.trim().strip_prefix(key));
        found.map(|rest| rest.trim().to_owned())
    };
    let valid = |rest: String| rest.contains("(valid");
    let chip = line("detected image type:");
    assert!(chip.is_some(), "{text}");
    Opinion {
        chip: chip.unwrap(),
        checksum: line("checksum:").is_some_and(valid),
        digest: line("validation hash:").map(valid),
    }
}

fn ours(info: &ImageInfo) -> Opinion {
    Opinion {
        chip: info.chip.name().to_ascii_lowercase(),
        checksum: info.integrity.checksum == Check::Right,
        digest: match info.integrity.sha256 {
            Check::Absent => None,
            check => Some(check == Check::Right),
        },
    }
}

#[test]
fn every_image_gets_the_verdict_of_esptool() {
    let Some(esptool) = esptool() else {
        let required = std::env::var("ESPALIER_REQUIRE_ESPTOOL").is_ok_and(|value| value == "1");
        assert!(!required, "esptool is required and not installed");
        println!("skipped: esptool is not installed");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for path in images() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        let info = match inspect(&bytes, &KnownNames::default()) {
            Ok(info) => info,
            // esptool reads this format; devices do not take it over the air.
            Err(refused) => {
                assert_eq!(refused, Unusable::SdkV2, "{name}");
                assert_eq!(ask(esptool, &path).chip, "esp8266");
                continue;
            }
        };
        let opinion = ask(esptool, &path);
        println!("{name:<24} esptool {opinion:?}, ours {:?}", ours(&info));
        assert_eq!(ours(&info), opinion, "{name}");
        // Of an Arduino ESP8266 file esptool only reads the boot loader.
        if info.form == Form::Esp8266Arduino {
            continue;
        }
        let mut damaged = bytes;
        let segment = info.segments.first().unwrap();
        let at = usize::try_from(segment.offset + segment.len - 1).unwrap();
        damaged[at] ^= 0x55;
        let path = folder.path().join(&name);
        std::fs::write(&path, &damaged).unwrap();
        let opinion = ask(esptool, &path);
        assert!(!opinion.checksum, "{name}");
        // A short file without its check byte is a guess for us.
        if let Ok(info) = inspect(&damaged, &KnownNames::default())
            && info.form != Form::Unknown
        {
            assert_eq!(ours(&info), opinion, "{name}, damaged");
        }
    }
}
