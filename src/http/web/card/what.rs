//! What a file is.

use super::Line;
use crate::app::{Inside, ReportCard};
use crate::domain::image::{FileSystem, Form, ImageInfo, Revisions, SignatureScheme};
use crate::domain::release::Image;
use crate::http::view::filters;

pub(super) fn lines(card: &ReportCard) -> Vec<Line> {
    let image = &card.file.image;
    match &card.file.inside {
        Inside::Application(info) => application(info, image),
        Inside::FileSystem(file_system) => vec![files(*file_system, image)],
    }
}

fn application(info: &ImageInfo, image: &Image) -> Vec<Line> {
    let chip = image.chip;
    let packed = image.packed.as_ref().filter(|packed| packed.uploaded);
    let what = match packed {
        Some(_) => format!("It is a gzip file with an application for {chip} inside."),
        None => format!("It is an application for {chip}."),
    };
    let mut lines = vec![if image.chip_certain {
        Line::good(what).sub(form(info.form))
    } else {
        Line::warn(format!("It is perhaps an application for {chip}; nothing in it proves that."))
            .sub("Say below which chip it is for.")
    }];
    if let Some(revisions) = info.revisions {
        lines.push(Line::good(runs_on(revisions)));
    }
    if !info.built_with.is_empty() {
        lines.push(Line::info(format!("Built with {}.", info.built_with.join(", "))));
    }
    let behind = packed.is_some_and(|packed| packed.signed);
    match info.signature {
        Some(signature) => lines.push(
            Line::good(format!("It is signed: {}.", scheme(signature.scheme)))
                .sub("Whether the signature is genuine only the device can say."),
        ),
        None if behind => lines.push(Line::good("The gzip file is signed.")),
        None => lines.push(Line::info("It is not signed.")),
    }
    lines
}

/// How an application is laid out.
const fn form(form: Form) -> &'static str {
    match form {
        Form::Esp8266Arduino => "Arduino build: boot loader and application",
        Form::Esp8266Plain => "a single image without Arduino’s boot loader",
        Form::Esp8266Rtos => "an image of the RTOS SDK",
        Form::Esp32 => "application image of the ESP32 family",
        Form::Unknown => "its segments make no sense",
    }
}

/// How it is signed, in words.
pub(super) const fn scheme(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::Esp8266 => "signing of the Arduino core for the ESP8266",
        SignatureScheme::ArduinoEsp32 => "signing of the Arduino core for the ESP32",
        SignatureScheme::SecureBootV1 => "secure boot, version 1",
        SignatureScheme::SecureBootV2 => "secure boot, version 2",
    }
}

fn runs_on(revisions: Revisions) -> String {
    let min = Revisions::text(revisions.min);
    match revisions.max {
        Some(max) => format!("Runs on chip revisions {min} to {}.", Revisions::text(max)),
        None if revisions.min == 0 => "Runs on every revision of the chip.".to_owned(),
        None => format!("Runs on chip revision {min} and newer."),
    }
}

fn files(file_system: FileSystem, image: &Image) -> Line {
    let name = file_system.kind.name();
    let line = if image.is_for_any_chip() {
        Line::good(format!("It is a {name} file system, for any chip."))
    } else {
        Line::good(format!("It is a {name} file system for {}.", image.chip))
    };
    let blocks = file_system.block_size.map(|size| format!("in blocks of {size} bytes"));
    let size = filters::bytes(&image.size);
    line.sub(blocks.map_or(size.clone(), |blocks| format!("{size} {blocks}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_said_in_words() {
        let said = |min, max| runs_on(Revisions { min, max });
        assert_eq!(said(0, None), "Runs on every revision of the chip.");
        assert_eq!(said(301, None), "Runs on chip revision 3.1 and newer.");
        assert_eq!(said(0, Some(199)), "Runs on chip revisions 0.0 to 1.99.");
    }
}
