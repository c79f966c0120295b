//! Which passwords are good enough: long, and not among the first that anyone would try.

/// Characters that a password has at least.
const SHORTEST: usize = 12;
/// Characters that it has at most, so that nobody makes the server hash a book.
const LONGEST: usize = 128;

/// What guessers try first, of those that are long enough, in lower case.
const COMMON: &[&str] = &[
    "000000000000",
    "111111111111",
    "123412341234",
    "1234567890123",
    "123456789012",
    "12345678901234",
    "123456789123",
    "123456789abc",
    "123456789qwe",
    "123abc123abc",
    "123qweasdzxc",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "1qazxsw23edc",
    "1qaz2wsx3edc4rfv",
    "a123456789012",
    "abc123abc123",
    "abcdefghijkl",
    "abcdefghijklm",
    "abcd12345678",
    "administrator",
    "administrator1",
    "asdfasdfasdf",
    "asdfghjkl123",
    "asdfghjkl;'",
    "basketball123",
    "changeme1234",
    "changemeplease",
    "changemenow1",
    "correcthorsebatterystaple",
    "football1234",
    "iloveyou1234",
    "iloveyouforever",
    "letmeinletmein",
    "letmein12345",
    "manchesterunited",
    "mypassword123",
    "password1234",
    "password12345",
    "password123456",
    "passwordpassword",
    "password1password",
    "passw0rd1234",
    "princess1234",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwerty123456",
    "qwertyqwerty",
    "qwerty1234567",
    "qwertyuiop12",
    "qwertyuiop123",
    "qwertyuiop1234",
    "qwertyuiop[]",
    "qwertyuiopasdf",
    "raspberry123",
    "raspberrypi1",
    "raspberrypi123",
    "superman1234",
    "testtesttest",
    "test12345678",
    "welcome12345",
    "welcome123456",
    "zaq12wsxcde3",
    "zxcvbnm12345",
    "zxcvbnmasdfghjkl",
];

/// Why a password cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error(
        "the password has fewer than 12 characters; four words in a row are good and easy to keep"
    )]
    TooShort,
    /// It is too long.
    #[error("the password has more than 128 characters")]
    TooLong,
    /// It is among the first that a guesser tries.
    #[error("this password is among the first that a guesser tries; choose another one")]
    Common,
    /// The two entries differ.
    #[error("the two passwords are not the same; type the new one twice")]
    Differs,
    /// The current password is wrong.
    #[error("the current password is not right")]
    Wrong,
}

/// Whether a password is good enough for the user of this name.
///
/// # Errors
/// Says why it is not.
pub fn check_password(password: &str, name: &str) -> Result<(), PasswordError> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if length > LONGEST {
        return Err(PasswordError::TooLong);
    }
    let lower = password.to_lowercase();
    if COMMON.contains(&lower.as_str()) || is_monotonous(&lower) || is_mostly(&lower, name) {
        return Err(PasswordError::Common);
    }
    Ok(())
}

/// Fewer than four different characters, or each one beside the one before: `aaaa…`, `abcd…`.
fn is_monotonous(text: &str) -> bool {
    let codes: Vec<u32> = text.chars().map(u32::from).collect();
    let mut different = codes.clone();
    different.sort_unstable();
    different.dedup();
    different.len() < 4 || codes.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == 1)
}

/// Hardly anything besides the user's name and the product's.
fn is_mostly(text: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["espalier", "password", name.as_str()];
    let rest = words
        .iter()
        .filter(|word| word.len() > 2)
        .fold(text.to_owned(), |rest, word| rest.replace(word, ""));
    rest.chars().count() < 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_unusual_passwords_are_taken() {
        for password in ["apple trellis rain", "ÄÖÜ kann auch sein", &"xyz!".repeat(32)] {
            assert_eq!(check_password(password, "anna"), Ok(()), "{password}");
        }
    }

    #[test]
    fn others_are_refused_with_the_reason() {
        for (password, why) in [
            ("", PasswordError::TooShort),
            ("elevenchars", PasswordError::TooShort),
            (&*"x7".repeat(65), PasswordError::TooLong),
            ("Password1234", PasswordError::Common),
            ("aaaaaaaaaaaaaa", PasswordError::Common),
            ("abababababab", PasswordError::Common),
            ("abcdefghijklmnop", PasswordError::Common),
            ("annaannaanna", PasswordError::Common),
            ("Espalieranna1", PasswordError::Common),
        ] {
            assert_eq!(check_password(password, "anna"), Err(why), "{password}");
        }
    }
}
