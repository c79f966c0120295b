//! Images that real tools made: compilers, linker and esptool. The table is always printed.

use std::path::Path;

use espalier::domain::image::{Found, KnownNames, Unusable, inspect};

use super::naive;

/// The platform and version that all of them were built with.
const PLATFORM: &str = "MyPlatform";
const VERSION: &str = "v1.2.3";
/// Where they lie; a folder that is not there is named and skipped.
const FOLDERS: [&str; 2] = ["tests/images", "../shared/make-images/out"];

/// What we say of a file: the version, or why none.
fn ours(bytes: &[u8]) -> String {
    match inspect(bytes, &KnownNames::new([PLATFORM])) {
        Err(why) => format!("refused: {}", why.code()),
        Ok(info) => {
            let named = info.platform().one().is_some_and(|mention| mention.name == PLATFORM);
            assert!(named, "the platform stands in every one of them");
            match info.version(Some(PLATFORM), None) {
                Found::One(found) => found.text,
                Found::Several(all) => format!("asks: {}", all[0].text),
                Found::Nothing => "nothing".to_owned(),
            }
        }
    }
}

#[test]
fn images_made_by_real_tools_tell_their_version() {
    println!("{:<44} {:<12} {:<16} truth", "file", "first match", "ours");
    let mut seen = 0;
    for folder in FOLDERS {
        let Ok(entries) = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).read_dir() else {
            println!("skipped: the folder {folder} is not there");
            continue;
        };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "bin")) {
            let bytes = std::fs::read(path).unwrap();
            let name = format!("{folder}/{}", path.file_name().unwrap().display());
            let (first, ours) = (naive(&bytes).unwrap_or_default(), ours(&bytes));
            println!("{name:<44} {first:<12} {ours:<16} {VERSION}");
            let bare_sdk = format!("refused: {}", Unusable::SdkV2.code());
            assert!(ours == VERSION || ours == bare_sdk, "{name}: {ours}");
            seen += 1;
        }
    }
    assert!(seen >= 3, "those of this repository are always there");
}
