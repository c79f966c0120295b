//! One-time codes by time (RFC 6238) as authenticator apps make them: SHA-1, six digits, 30 seconds.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;

use super::Timestamp;
use super::secret::Secret;

/// Seconds that a code is good for.
const STEP: i64 = 30;
/// Steps by which a phone's clock may be off, either way.
const DRIFT: i64 = 1;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that server and phone share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Secret);

impl Key {
    /// A key of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; 20]) -> Self {
        Self(Secret::new(base32(&bytes)))
    }

    /// The key from its text in base 32.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let key = Self(Secret::new(text));
        (key.bytes().len() == 20).then_some(key)
    }

    /// Its text in base 32, as it is typed into an app and kept in the database.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.expose()
    }

    /// The address that an app reads out of the QR code.
    #[must_use]
    pub fn uri(&self, name: &str) -> String {
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        format!("otpauth://totp/Espalier:{name}?secret={}&issuer=Espalier", self.text())
    }

    /// The code of a moment.
    #[must_use]
    pub fn code(&self, now: Timestamp) -> String {
        self.code_of_step(now.div_euclid(STEP))
    }

    /// The step that a code belongs to, if it is right now and later than the last one used.
    #[must_use]
    pub fn check(&self, code: &str, now: Timestamp, used: Option<i64>) -> Option<i64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let current = now.div_euclid(STEP);
        let steps = current - DRIFT..=current + DRIFT;
        let fresh = steps.filter(|step| used.is_none_or(|used| *step > used));
        // All are compared, so that the time tells nothing.
        fresh.fold(None, |found, step| {
            if Secret::new(self.code_of_step(step)).is(&code) { Some(step) } else { found }
        })
    }

    fn code_of_step(&self, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&self.bytes()) else {
            return String::new();
        };
        mac.update(&step.to_be_bytes());
        let digest: [u8; 20] = mac.finalize().into_bytes().into();
        let at = usize::from(digest[19] & 0x0f);
        let four = [digest[at] & 0x7f, digest[at + 1], digest[at + 2], digest[at + 3]];
        format!("{:06}", u32::from_be_bytes(four) % 1_000_000)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(20);
        let (mut sum, mut bits) = (0_u32, 0);
        for c in self.0.expose().bytes() {
            let Some(digit) = ALPHABET.iter().position(|known| *known == c) else {
                return Vec::new();
            };
            sum = (sum << 5 | u32::try_from(digit).unwrap_or(0)) & 0xfff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(sum >> bits & 0xff).unwrap_or(0));
            }
        }
        bytes
    }
}

/// Bytes as text in base 32, without padding.
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    let (mut sum, mut bits) = (0_u32, 0);
    for byte in bytes {
        sum = (sum << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(sum >> bits & 31) as usize]));
        }
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(sum << (5 - bits) & 31) as usize]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 6238, appendix B.
    fn key() -> Key {
        Key::new(*b"12345678901234567890")
    }

    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (now, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(key().code(now), code, "{now}");
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after_and_once() {
        let code = key().code(3000);
        for now in [2970, 3000, 3029, 3059] {
            assert_eq!(key().check(&code, now, None), Some(100), "{now}");
        }
        for now in [2969, 3060] {
            assert_eq!(key().check(&code, now, None), None, "{now}");
        }
        assert_eq!(key().check(&code, 3000, Some(99)), Some(100));
        assert_eq!(key().check(&code, 3000, Some(100)), None, "used already");
        assert_eq!(key().check(&format!("{} {}", &code[..3], &code[3..]), 3000, None), Some(100));
        assert_eq!(key().check("", 3000, None), None);
    }

    #[test]
    fn the_key_is_written_in_base_32() {
        assert_eq!(key().text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Key::read(key().text()), Some(key()));
        assert_eq!(Key::read("GEZDGNBV"), None);
        assert_eq!(base32(b"foob"), "MZXW6YQ");
        let uri = key().uri("anna@pi");
        assert!(uri.starts_with("otpauth://totp/Espalier:anna%40pi?secret=GEZ"), "{uri}");
    }
}
