//! What a file means for the devices of its platform: size, room, bytes to send.

use super::Line;
use crate::app::{Fits, Lacking, Previous, ReportCard};
use crate::domain::release::{PackedFrom, PackedSize, Part};
use crate::http::view::filters;

pub(super) fn lines(card: &ReportCard) -> Vec<Line> {
    let image = &card.file.image;
    let application = image.part == Part::Application;
    let mut lines = Vec::new();
    if let Some(previous) = &card.previous {
        if application {
            lines.push(Line::good(format!("The same chip as {}.", previous.title)));
        }
        lines.push(size(image.size, previous));
    }
    if application && card.platform_id.is_some() {
        lines.push(room(&card.fits));
    }
    lines.extend(card.packed().filter(|packed| packed.size < image.size).map(|packed| {
        let line = less(packed, image.size);
        if packed.from == PackedFrom::Uploaded {
            line.sub("Devices that are not known to unpack it get the plain image.")
        } else {
            line.sub("Only devices that are known to unpack it get it so.")
        }
    }));
    lines
}

/// The size against the release before.
fn size(size: u64, previous: &Previous) -> Line {
    let Previous { title, size: before } = previous;
    let change = |difference: u64| (difference * 100 + before / 2) / (*before).max(1);
    let text = match size.cmp(before) {
        _ if change(size.abs_diff(*before)) == 0 => format!("As large as {title}."),
        std::cmp::Ordering::Less => {
            format!("{} % smaller than {title}.", change(before - size))
        }
        _ => format!("{} % larger than {title}.", change(size - before)),
    };
    let (now, before) = (filters::bytes(&size), filters::bytes(before));
    let sub = if now == before { String::new() } else { format!("{now} instead of {before}") };
    Line::info(text).sub(sub)
}

/// On how many devices there is room.
fn room(fits: &Fits) -> Line {
    let (devices, fitting) = (fits.devices, fits.fitting);
    if devices == 0 {
        return Line::info("No device of this chip has said yet how much room it has.");
    }
    if fitting == devices {
        return Line::good(match devices {
            1 => "Fits the only device that said how much room it has.".to_owned(),
            many => format!("Fits all {many} devices that said how much room they have."),
        });
    }
    let more = (devices - fitting).saturating_sub(fits.lacking.len()) as u64;
    let mut named: Vec<String> = fits.lacking.iter().map(lacks).collect();
    if more > 0 {
        named.push(filters::count(&more, "more", "more"));
    }
    Line::warn(format!("Fits {fitting} of {devices} devices.")).sub(named.join("; "))
}

fn lacks(device: &Lacking) -> String {
    let title = &device.title;
    match device.bytes {
        None => format!("{title} has no slot for updates"),
        Some(bytes) => {
            let lacks = format!("{title} lacks {} KiB", bytes.div_ceil(1024));
            if device.gzip_would_fit { format!("{lacks}, gzip would fit") } else { lacks }
        }
    }
}

/// How much less is sent compressed.
fn less(packed: PackedSize, size: u64) -> Line {
    let saved = filters::percent(size - packed.size.min(size), size);
    let (packed, from, size) = (filters::bytes(&packed.size), packed.from, filters::bytes(&size));
    let text = match from {
        PackedFrom::Uploaded => format!("Compressed: {packed} instead of {size}"),
        PackedFrom::Made => format!("The server has compressed it: {packed} instead of {size}"),
        PackedFrom::Estimated => {
            format!("The server compresses it: about {packed} instead of {size}")
        }
    };
    Line::info(format!("{text}, {saved} % less to send."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mac::MacAddr;

    #[test]
    fn the_size_is_held_against_the_release_before() {
        let previous = Previous { title: "chase v1.0.1".to_owned(), size: 100_000 };
        let said = |now| size(now, &previous).text;
        assert_eq!(said(112_400), "12 % larger than chase v1.0.1.");
        assert_eq!(said(50_000), "50 % smaller than chase v1.0.1.");
        assert_eq!(said(100_400), "As large as chase v1.0.1.");
        let none = Previous { title: "x".to_owned(), size: 0 };
        assert!(size(1, &none).text.contains("larger"));
    }

    #[test]
    fn devices_without_room_are_named_with_what_they_lack() {
        let mac: MacAddr = "84:F3:EB:A1:B2:C3".parse().unwrap();
        let attic =
            Lacking { mac, title: "Attic".to_owned(), bytes: Some(32_000), gzip_would_fit: true };
        let shed = Lacking { mac, title: "Shed".to_owned(), bytes: None, gzip_would_fit: false };
        let mut fits = Fits::default();
        assert_eq!(room(&fits).tone, "note");
        (fits.devices, fits.fitting, fits.lacking) = (12, 10, vec![attic, shed]);
        let line = room(&fits);
        assert_eq!((line.tone, line.text.as_str()), ("warn", "Fits 10 of 12 devices."));
        assert_eq!(line.sub, "Attic lacks 32 KiB, gzip would fit; Shed has no slot for updates");
        fits.fitting = 12;
        assert_eq!(room(&fits).tone, "good");
    }

    #[test]
    fn what_gzip_saves_is_said() {
        let packed = PackedSize { size: 280_000, from: PackedFrom::Estimated };
        let said = less(packed, 400_000).text;
        let expected =
            "The server compresses it: about 280 KB instead of 400 KB, 30 % less to send.";
        assert_eq!(said, expected);
    }
}
