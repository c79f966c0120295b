//! The true images of `tests/images`, made with Debian's cross compilers and esptool.

use super::*;
use crate::domain::chip::Chip;

const ESP8266: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/esp8266-arduino.bin"));
const ESP32: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/esp32-arduino.bin"));
const ESP32C3: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/images/esp32c3.bin"));

#[test]
fn name_and_version_of_true_images_are_found() {
    let known = KnownNames::new(["light", "MyPlatform", "a+b"]);
    for (file, chip, source) in [
        (ESP8266, Chip::Esp8266, Source::NearName),
        (ESP32, Chip::Esp32, Source::NearName),
        (ESP32C3, Chip::Esp32C3, Source::Descriptor),
    ] {
        let info = inspect(file, &known).unwrap();
        assert_eq!((info.chip, info.chip_certain), (chip, true));
        assert_eq!(info.image_len, Some(info.size));
        assert_eq!(info.warnings, []);
        assert_eq!(show(&info.platform(), |p| p.name.clone()), "MyPlatform");
        let version = info.version(Some("MyPlatform"), None);
        assert_eq!(version.one().map(|v| (v.text.as_str(), v.source)), Some(("v1.2.3", source)));
    }
}

#[test]
fn the_sdk_of_a_true_image_is_never_proposed() {
    let info = inspect(ESP32, &KnownNames::default()).unwrap();
    let library = info.versions.iter().filter(|v| v.source == Source::Library);
    assert_eq!(library.map(|v| v.text.as_str()).collect::<Vec<_>>(), ["v4.4.7"]);
    assert_eq!(show(&info.version(None, None), |v| v.text.clone()), "v1.2.3");
}

#[test]
fn the_name_of_the_file_helps_and_is_contradicted() {
    let known = KnownNames::new(["MyPlatform"]);
    let info = inspect(ESP8266, &known).unwrap();
    for (name, answer) in [
        ("firmware.bin", "v1.2.3"),
        ("myplatform-1.2.3.bin", "v1.2.3"),
        ("myplatform_1_2_3_esp8266.bin", "v1.2.3"),
        ("C:\\builds\\myplatform-v1.3.0.bin", "? v1.2.3 v1.3.0"),
    ] {
        let found = info.version(Some("MyPlatform"), Some(name));
        assert_eq!(show(&found, |v| v.text.clone()), answer, "{name}");
    }
}
