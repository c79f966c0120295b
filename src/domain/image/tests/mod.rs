//! Whole files: what is found in them.

use super::*;
use crate::domain::chip::Chip;

/// Bytes that nobody can take for anything but firmware of some kind.
fn file(texts: &[u8]) -> Vec<u8> {
    let mut file = vec![
        0xE9, 1, 2, 0x40, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    ];
    file.extend([0xFF; 16]);
    file.extend(texts);
    file
}

#[test]
fn hand_made() {
    let known = KnownNames::new(["Marshall", "Chase", "light"]);
    for (texts, platform, version) in [(
        &b"Marshall\0v1.0.1\0"[..],
        "One Marshall",
        "One v1.0.1 near_name",
    )] {
        let info = inspect(&file(texts), &known).unwrap();
        assert_eq!(show(&info.platform(), |m| m.name.clone()), platform);
        assert_eq!(
            show(&info.version(None, None), |v| format!(
                "{} {}",
                v.text, v.source
            )),
            version
        );
        assert_eq!(info.chip, Chip::Esp8266);
    }
}

fn show<T>(found: &Found<T>, text: impl Fn(&T) -> String) -> String {
    match found {
        Found::Nothing => "Nothing".to_owned(),
        Found::One(one) => format!("One {}", text(one)),
        Found::Several(all) => {
            format!(
                "Several {}",
                all.iter().map(text).collect::<Vec<_>>().join(", ")
            )
        }
    }
}
