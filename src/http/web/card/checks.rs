//! Whether a file is whole: lengths, checksums and digests.

use super::Line;
use crate::app::{Inside, ReportCard};
use crate::domain::image::{Check, FileSystem, ImageInfo, Integrity};
use crate::http::view::filters;

pub(super) fn lines(card: &ReportCard) -> Vec<Line> {
    let image = &card.file.image;
    let mut lines = match &card.file.inside {
        Inside::Application(info) => {
            let mut lines = vec![length(info)];
            lines.extend(checks(info.integrity));
            lines
        }
        Inside::FileSystem(file_system) => vec![announced(*file_system, image.size)],
    };
    let uploaded = image.packed.as_ref().is_some_and(|packed| packed.uploaded);
    let broken = |code: &str| card.file.warnings.iter().any(|warning| warning.code == code);
    if uploaded && !["gzip_wrong_crc", "gzip_wrong_size"].into_iter().any(broken) {
        let size = filters::bytes(&image.size);
        lines.insert(0, Line::good(format!("It unpacks completely, to {size}.")));
    }
    lines
}

fn length(info: &ImageInfo) -> Line {
    let size = filters::thousands(&info.size);
    match info.image_len {
        None => Line::warn("Where the image ends cannot be told.")
            .sub(format!("the file has {size} bytes")),
        Some(len) if len == info.size => {
            Line::good("The image is exactly as long as the file.").sub(format!("{size} bytes"))
        }
        Some(len) => {
            let text =
                format!("The image has {} of the file’s {size} bytes.", filters::thousands(&len));
            let behind = info.size.saturating_sub(len);
            match info.signature {
                Some(_) => Line::good(text).sub("the rest is the signature"),
                None => {
                    Line::info(text).sub(format!("{} more follow", filters::thousands(&behind)))
                }
            }
        }
    }
}

/// What is right in one line, and one for each that is wrong.
fn checks(integrity: Integrity) -> Vec<Line> {
    let Integrity { checksum, sha256, crc32 } = integrity;
    let all = [("check byte", checksum), ("SHA-256", sha256), ("CRC-32", crc32)];
    let right: Vec<&str> =
        all.iter().filter(|(_, check)| *check == Check::Right).map(|(name, _)| *name).collect();
    let mut lines: Vec<Line> = match right.as_slice() {
        [] => Vec::new(),
        [only] => vec![Line::good(format!("Its {only} is right."))],
        [others @ .., last] => {
            vec![Line::good(format!("Its {} and {last} are right.", others.join(", ")))]
        }
    };
    for (name, check) in all {
        if let Check::Wrong { offset } = check {
            lines.push(Line::bad(format!("Its {name} at {offset:#x} is wrong.")));
        }
    }
    if lines.is_empty() {
        lines.push(Line::warn("It has no checksum that could be verified."));
    }
    lines
}

fn announced(file_system: FileSystem, size: u64) -> Line {
    match file_system.announced_len {
        None => Line::info("It does not say how long it is."),
        Some(len) if len == size => Line::good("It is exactly as long as it says."),
        Some(len) if len < size => Line::info("The file is longer than the file system in it.")
            .sub(format!("{} of {} bytes", filters::thousands(&len), filters::thousands(&size))),
        Some(len) => Line::bad("The file is shorter than the file system in it.").sub(format!(
            "{} of {} bytes",
            filters::thousands(&size),
            filters::thousands(&len)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(checksum: Check, sha256: Check, crc32: Check) -> Vec<String> {
        let lines = checks(Integrity { checksum, sha256, crc32 });
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn what_is_right_is_one_line_and_what_is_wrong_names_its_place() {
        let (right, none) = (Check::Right, Check::Absent);
        assert_eq!(said(right, none, none), ["Its check byte is right."]);
        assert_eq!(said(right, none, right), ["Its check byte and CRC-32 are right."]);
        let wrong = Check::Wrong { offset: 0x1014 };
        let expected = ["Its check byte is right.", "Its CRC-32 at 0x1014 is wrong."];
        assert_eq!(said(right, none, wrong), expected);
        assert_eq!(said(none, none, none), ["It has no checksum that could be verified."]);
    }
}
