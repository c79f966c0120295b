//! The application description of ESP-IDF.

use super::bytes::{field_text, holds, u32_at};
use super::info::AppDescriptor;
use super::layout::{DESCRIPTOR_AT, DESCRIPTOR_MAGIC};

/// How long the description is.
pub(super) const LENGTH: usize = 256;

/// Reads the description, if there is one.
pub(super) fn read(bytes: &[u8]) -> Option<AppDescriptor> {
    let block = bytes.get(DESCRIPTOR_AT..DESCRIPTOR_AT + LENGTH)?;
    if !holds(block, 0, &DESCRIPTOR_MAGIC) {
        return None;
    }
    let text = |at: usize, len: usize| {
        let field = block.get(at..at + len).unwrap_or_default();
        field_text(field).unwrap_or_default().to_owned()
    };
    let (version, project_name) = (text(0x10, 32), text(0x30, 32));
    let prebuilt = is_prebuilt(&project_name, &version);
    let elf_sha256 = block.get(0x90..0xB0)?.try_into().ok()?;
    let secure_version = u32_at(block, 4)?;
    let (time, date, idf_ver) = (text(0x50, 16), text(0x60, 16), text(0x70, 32));
    Some(AppDescriptor {
        project_name,
        version,
        idf_ver,
        date,
        time,
        elf_sha256,
        secure_version,
        prebuilt,
    })
}

/// Whether the fields are those of Arduino's prebuilt libraries, or empty.
fn is_prebuilt(project_name: &str, version: &str) -> bool {
    project_name.is_empty()
        || project_name.contains("arduino-lib-builder")
        || version.starts_with("esp-idf:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(project: &str, version: &str, idf: &str) -> Vec<u8> {
        let mut file = vec![0; DESCRIPTOR_AT + LENGTH];
        file[DESCRIPTOR_AT..DESCRIPTOR_AT + 4].copy_from_slice(&DESCRIPTOR_MAGIC);
        for (at, text) in [(0x30, version), (0x50, project), (0x90, idf)] {
            file[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        file
    }

    #[test]
    fn own_names_and_versions_are_told_from_arduinos() {
        for (project, version, idf, own) in [
            ("chase", "v1.2.3", "v5.1.2", Some("v1.2.3")),
            ("chase", "1.2", "v5.1.2", Some("1.2")),
            ("chase", "v1.2-5-gabc1234", "v5.1.2", Some("v1.2-5-gabc1234")),
            ("chase", "1", "v5.1.2", None),
            ("chase", "85cff52", "v5.1.2", None),
            ("hello_world", "v5.1.2", "v5.1.2", None),
            ("arduino-lib-builder", "esp-idf: v4.4.7 38eeba213a", "v4.4.7-dirty", None),
            ("esp32-arduino-lib-builder", "1.0.6", "v3.3.5", None),
            ("", "", "5.3.2.250210", None),
        ] {
            let read = read(&file(project, version, idf)).unwrap();
            assert_eq!(read.own_version(), own, "{project} {version}");
            assert_eq!(read.idf_ver, idf);
        }
    }

    #[test]
    fn a_field_may_fill_its_place_without_a_zero() {
        let long = "x".repeat(32);
        let read = read(&file("a", &long, "")).unwrap();
        assert_eq!((read.version, read.project_name.as_str()), (long, "a"));
    }

    #[test]
    fn without_the_magic_word_there_is_none() {
        assert_eq!(read(&[0; 400]), None);
        assert_eq!(read(&file("a", "b", "c")[..200]), None);
    }
}
