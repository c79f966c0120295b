//! The chips that firmware is built for.

use std::fmt;
use std::str::FromStr;

/// The two families of chips. A file of one bricks a device of the other, so nothing is ever
/// offered across them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// ESP8266 and ESP8285.
    Esp8266,
    /// ESP32 and everything that came after it.
    Esp32,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Esp8266 => "ESP8266",
            Self::Esp32 => "ESP32 family",
        })
    }
}

macro_rules! chips {
    ($($variant:ident, $id:expr, $name:literal, $slug:literal;)+) => {
        /// A chip, as the header of an image or a person names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Chip {
            $(#[doc = $name] $variant,)+
        }

        impl Chip {
            /// All chips, ESP8266 first, then by their number.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The number in the header of an ESP32-family image; the ESP8266 has none.
            #[must_use]
            pub const fn chip_id(self) -> Option<u16> {
                match self {
                    $(Self::$variant => $id,)+
                }
            }

            /// The maker's spelling: `ESP32-C3`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The spelling for file names and addresses: `esp32c3`.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self {
                    $(Self::$variant => $slug,)+
                }
            }
        }
    };
}

chips! {
    Esp8266, None, "ESP8266", "esp8266";
    Esp32, Some(0), "ESP32", "esp32";
    Esp32S2, Some(2), "ESP32-S2", "esp32s2";
    Esp32C3, Some(5), "ESP32-C3", "esp32c3";
    Esp32S3, Some(9), "ESP32-S3", "esp32s3";
    Esp32C2, Some(12), "ESP32-C2", "esp32c2";
    Esp32C6, Some(13), "ESP32-C6", "esp32c6";
    Esp32H2, Some(16), "ESP32-H2", "esp32h2";
    Esp32P4, Some(18), "ESP32-P4", "esp32p4";
    Esp32C61, Some(20), "ESP32-C61", "esp32c61";
    Esp32C5, Some(23), "ESP32-C5", "esp32c5";
    Esp32H21, Some(25), "ESP32-H21", "esp32h21";
    Esp32H4, Some(28), "ESP32-H4", "esp32h4";
    Esp32E22, Some(31), "ESP32-E22", "esp32e22";
    Esp32S31, Some(32), "ESP32-S31", "esp32s31";
}

impl Chip {
    /// The family that the chip belongs to.
    #[must_use]
    pub const fn family(self) -> Family {
        match self {
            Self::Esp8266 => Family::Esp8266,
            _ => Family::Esp32,
        }
    }

    /// The chip with this number in the header of an ESP32-family image.
    #[must_use]
    pub fn from_chip_id(id: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|chip| chip.chip_id() == Some(id))
    }

    /// The chip that a sketch names: by our spellings, or as `ESP.getChipModel()` names the chips
    /// and modules of one kind (`ESP32-D0WDQ6-V3`, `ESP32-PICO-D4`, `ESP32-S2FH4`, `ESP8285`).
    #[must_use]
    pub fn from_model(text: &str) -> Option<Self> {
        if let Ok(chip) = text.parse() {
            return Some(chip);
        }
        let model = text.trim().to_ascii_uppercase();
        if model.starts_with("ESP8266") || model.starts_with("ESP8285") {
            return Some(Self::Esp8266);
        }
        let first = ["ESP32-D0W", "ESP32-D2W", "ESP32-S0W", "ESP32-U4W", "ESP32-PICO"];
        if first.iter().any(|start| model.starts_with(start)) {
            return Some(Self::Esp32);
        }
        // Behind the chip's own name stand letters of its package; a digit would be another chip.
        let named = |chip: &&Self| {
            let rest = chip.chip_id().filter(|id| *id > 0).and(model.strip_prefix(chip.name()));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        Self::ALL.iter().find(named).copied()
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no chip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not a chip; expected ESP8266, ESP32, ESP32-C3 and the like")]
pub struct UnknownChip(String);

impl FromStr for Chip {
    type Err = UnknownChip;

    fn from_str(text: &str) -> Result<Self, UnknownChip> {
        let wanted = text.trim();
        let is = |name: &str| name.eq_ignore_ascii_case(wanted);
        let found = Self::ALL.iter().copied().find(|chip| is(chip.name()) || is(chip.slug()));
        found.ok_or_else(|| UnknownChip(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_is_found_by_number_and_by_both_spellings() {
        for &chip in Chip::ALL {
            if let Some(id) = chip.chip_id() {
                assert_eq!(Chip::from_chip_id(id), Some(chip));
            }
            for spelling in [chip.name(), chip.slug()] {
                for text in [spelling.to_owned(), spelling.to_lowercase(), spelling.to_uppercase()]
                {
                    assert_eq!(text.parse(), Ok(chip), "{text}");
                }
            }
            assert_eq!(chip.to_string(), chip.name());
        }
    }

    #[test]
    fn the_rest_is_no_chip() {
        assert_eq!(Chip::from_chip_id(1), None);
        assert_eq!(Chip::from_chip_id(0xFFFF), None);
        for text in ["", "esp", "ESP32-X9", "esp 32", "esp32-c-3"] {
            assert!(text.parse::<Chip>().is_err(), "{text}");
        }
    }

    #[test]
    fn models_are_read_as_the_arduino_core_names_them() {
        for (model, chip) in [
            ("ESP32-D0WDQ6", Chip::Esp32),
            ("ESP32-D0WD-V3", Chip::Esp32),
            ("ESP32-D0WDR2-V3", Chip::Esp32),
            ("ESP32-PICO-V3-02", Chip::Esp32),
            ("ESP32-S2FH16", Chip::Esp32S2),
            ("ESP32-S3-PICO-1", Chip::Esp32S3),
            ("esp32-c3", Chip::Esp32C3),
            ("ESP32-C61", Chip::Esp32C61),
            ("ESP32-C6FH4", Chip::Esp32C6),
            ("ESP8266EX", Chip::Esp8266),
            ("esp8285", Chip::Esp8266),
        ] {
            assert_eq!(Chip::from_model(model), Some(chip), "{model}");
        }
        for model in ["", "Unknown 5", "ESP32-X1", "ESP32-C39", "ESP32-", "ESP"] {
            assert_eq!(Chip::from_model(model), None, "{model}");
        }
    }

    #[test]
    fn only_the_esp8266_is_of_its_family() {
        let alone: Vec<_> =
            Chip::ALL.iter().filter(|chip| chip.family() == Family::Esp8266).collect();
        assert_eq!(alone, [&Chip::Esp8266]);
    }
}
