//! Times as RFC 3339 in UTC.

use crate::domain::Timestamp;

/// `2026-03-01T12:00:00Z`.
pub(super) fn text(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at).unwrap_or_default().to_string()
}

/// Reads RFC 3339; where the offset is missing, UTC is meant, where the time is, midnight.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // A plus sign that nobody escaped arrives as a space.
    let moment = text.parse().or_else(|_| text.replacen(' ', "+", 1).parse::<jiff::Timestamp>());
    if let Ok(moment) = moment {
        return Some(moment.as_second());
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    let moment = local.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_772_366_400), "2026-03-01T12:00:00Z");
    }

    #[test]
    fn times_are_read_with_any_offset_and_as_days() {
        for (text, at) in [
            ("2026-03-01T12:00:00Z", 1_772_366_400),
            ("2026-03-01T13:00:00+01:00", 1_772_366_400),
            ("2026-03-01T13:00:00 01:00", 1_772_366_400),
            ("2026-03-01T12:00:00", 1_772_366_400),
            ("2026-03-01", 1_772_323_200),
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "12:00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
