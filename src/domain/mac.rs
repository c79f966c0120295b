//! The address that identifies a device.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::digest::hex_digit;

/// A 48-bit MAC address: the identity of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MacAddr([u8; 6]);

impl Hash for MacAddr {
    /// As one number: bytes would be hashed one by one, with their count.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut wide = [0; 8];
        wide[2..].copy_from_slice(&self.0);
        state.write_u64(u64::from_be_bytes(wide));
    }
}

/// Why a text is not a MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// The number of hexadecimal digits is not twelve.
    #[error(
        "“{text}” has {digits} hexadecimal digits, a MAC address has 12 (like 5C:CF:7F:1C:A1:A5)"
    )]
    Length {
        /// What was given.
        text: String,
        /// How many hexadecimal digits it has.
        digits: usize,
    },
    /// It holds a character that is neither a hexadecimal digit nor a separator.
    #[error(
        "“{text}” holds “{found}”, a MAC address has only the digits 0–9 and A–F and the separators : - ."
    )]
    Character {
        /// What was given.
        text: String,
        /// The first character that does not belong.
        found: char,
    },
    /// All zeros or all ones: no device has it.
    #[error("“{text}” belongs to no device")]
    Nobody {
        /// What was given.
        text: String,
    },
}

impl MacAddr {
    /// The address with these six bytes, in the order they are written.
    #[must_use]
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The six bytes, in the order they are written.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// Twelve lower-case hexadecimal digits without separators, as used in URLs and the database.
    #[must_use]
    pub fn hex(self) -> String {
        self.0.iter().fold(String::with_capacity(12), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Whether the address was made up locally (bit 1 of the first byte) instead of being
    /// assigned by a manufacturer: Espressif's station addresses never are.
    #[must_use]
    pub const fn is_locally_administered(self) -> bool {
        self.0[0] & 2 != 0
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    /// Reads twelve hexadecimal digits in any case, with `:`, `-`, `.`, `_` or spaces anywhere
    /// between them.
    fn from_str(text: &str) -> Result<Self, MacError> {
        let shown = || text.chars().take(40).collect::<String>();
        let mut bytes = [0_u8; 6];
        let mut digits = 0_usize;
        for (place, found) in text.bytes().enumerate() {
            if let Some(value) = hex_digit(found) {
                if let Some(byte) = bytes.get_mut(digits / 2) {
                    *byte = (*byte << 4) | value;
                }
                digits += 1;
            } else if !matches!(found, b':' | b'-' | b'.' | b'_' | b' ' | b'\t' | b'\r' | b'\n') {
                let found = text[place..].chars().next().unwrap_or_default();
                return Err(MacError::Character { text: shown(), found });
            }
        }
        if digits != 12 {
            return Err(MacError::Length { text: shown(), digits });
        }
        if bytes == [0; 6] || bytes == [0xFF; 6] {
            return Err(MacError::Nobody { text: shown() });
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_notation_is_read_as_the_same_address() {
        for text in [
            "5C:CF:7F:1C:A1:A5",
            "5c:cf:7f:1c:a1:a5",
            "5C-CF-7F-1C-A1-A5",
            "5ccf.7f1c.a1a5",
            "5CCF7F1CA1A5",
            " 5c cf 7f 1c a1 a5\r\n",
        ] {
            let mac: MacAddr = text.parse().unwrap();
            assert_eq!(mac.to_string(), "5c:cf:7f:1c:a1:a5", "{text}");
            assert_eq!(mac.hex(), "5ccf7f1ca1a5");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "has 0 hexadecimal digits"),
            ("5C:CF:7F:1C:A1", "has 10 hexadecimal digits"),
            ("5C:CF:7F:1C:A1:A5:00", "has 14 hexadecimal digits"),
            ("5C:CF:7F:1C:A1:AG", "holds “G”"),
            ("greenhouse", "holds “g”"),
            ("00:00:00:00:00:00", "belongs to no device"),
            ("ff:ff:ff:ff:ff:ff", "belongs to no device"),
        ] {
            let error = text.parse::<MacAddr>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn a_made_up_address_is_told_from_an_assigned_one() {
        assert!(!"18:FE:AA:AA:AA:AA".parse::<MacAddr>().unwrap().is_locally_administered());
        assert!("1A:FE:AA:AA:AA:AA".parse::<MacAddr>().unwrap().is_locally_administered());
    }
}
