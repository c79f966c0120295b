//! The stable codes of problems, each with the status that it goes with.
//!
//! An operation's description names codes of this table, and a [`Problem`](super::Problem) is made
//! with one of them: none can be written that is not listed here.

use axum::http::StatusCode;

use crate::app::Error;
use crate::domain::release::Question;

/// What sort of problem; stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    word: &'static str,
    status: u16,
}

impl Code {
    /// The word in the answer.
    #[must_use]
    pub const fn word(self) -> &'static str {
        self.word
    }

    /// The status that it goes with.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.status
    }

    /// The status of the answer.
    pub(super) fn http_status(self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The code of this word.
    fn named(word: &str) -> Self {
        let found = ALL.iter().find(|code| code.word == word);
        debug_assert!(found.is_some(), "{word} is not in the table of codes");
        found.copied().unwrap_or(INTERNAL)
    }
}

impl From<&Error> for Code {
    fn from(error: &Error) -> Self {
        Self::named(error.code())
    }
}

impl From<&Question> for Code {
    fn from(question: &Question) -> Self {
        Self::named(question.code())
    }
}

macro_rules! codes {
    ($($status:literal { $($name:ident $word:literal)+ })+) => {
        $($(
            #[doc = concat!("`", $word, "`")]
            pub const $name: Code = Code { word: $word, status: $status };
        )+)+

        /// All codes, by status.
        pub const ALL: &[Code] = &[$($($name,)+)+];
    };
}

codes! {
    400 {
        INVALID_JSON "invalid_json"
        UNKNOWN_FIELD "unknown_field"
        INVALID_QUERY "invalid_query"
        INVALID_CURSOR "invalid_cursor"
        MALFORMED_MULTIPART "malformed_multipart"
        TOO_MANY_FIELDS "too_many_fields"
        SEVERAL_FILES "several_files"
        CUT "cut"
        TWO_HOSTS "two_hosts"
    }
    401 {
        UNAUTHORIZED "unauthorized"
    }
    403 {
        FORBIDDEN "forbidden"
        CSRF "csrf"
        FOREIGN_ORIGIN "foreign_origin"
    }
    404 {
        NOT_FOUND "not_found"
        NEVER_ASKED "never_asked"
    }
    405 {
        METHOD_NOT_ALLOWED "method_not_allowed"
    }
    409 {
        PLATFORM_EXISTS "platform_exists"
        GROUP_EXISTS "group_exists"
        USER_EXISTS "user_exists"
        LAST_ADMINISTRATOR "last_administrator"
        ALREADY_APPROVED "already_approved"
        WRONG_STATE "wrong_state"
        VERSION_EXISTS "version_exists"
        VERSION_NOT_HIGHER "version_not_higher"
        IDENTICAL "identical"
    }
    413 {
        TOO_LARGE "too_large"
        GZIP_TOO_LONG "gzip_too_long"
    }
    415 {
        NOT_JSON "not_json"
        NOT_MULTIPART "not_multipart"
        NOT_BIN "not_bin"
        HTML "html"
        ELF "elf"
        UF2 "uf2"
        ZIP "zip"
        GZIP "gzip"
        GZIP_OF_OTHER "gzip_of_other"
        GZIP_FILE_SYSTEM "gzip_file_system"
        INTEL_HEX "intel_hex"
        SDK_V2 "sdk_v2"
        NOT_FIRMWARE "not_firmware"
        MERGED_IMAGE "merged_image"
        BOOTLOADER "bootloader"
        PARTITION_TABLE "partition_table"
        FILE_SYSTEM "file_system"
    }
    421 {
        UNKNOWN_HOST "unknown_host"
    }
    422 {
        INVALID_NAME "invalid_name"
        INVALID_MAC "invalid_mac"
        INVALID_VALUE "invalid_value"
        INVALID_SECRET "invalid_secret"
        INVALID_SCOPE "invalid_scope"
        INVALID_PASSWORD "invalid_password"
        INVALID_PLAN "invalid_plan"
        WRONG_CODE "wrong_code"
        NO_PLATFORM "no_platform"
        NO_FILE "no_file"
        EMPTY "empty"
        TOO_SHORT "too_short"
        TRUNCATED "truncated"
        GZIP_DAMAGED "gzip_damaged"
        DAMAGED "damaged"
        PLATFORM_MISSING "platform_missing"
        PLATFORM_UNKNOWN "platform_unknown"
        PLATFORM_AMBIGUOUS "platform_ambiguous"
        VERSION_MISSING "version_missing"
        VERSION_AMBIGUOUS "version_ambiguous"
        VERSION_UNREADABLE "version_unreadable"
        OTHER_FAMILY "other_family"
        OTHER_CHIP "other_chip"
        UNSIGNED "unsigned"
        FLASH_SIZE "flash_size"
        FITS_NONE "fits_none"
        TOO_MANY_VERSIONS "too_many_versions"
        NO_BOOT_LOADER "no_boot_loader"
        NO_SEGMENTS "no_segments"
        TRAILING_BYTES "trailing_bytes"
        WRONG_CRC "wrong_crc"
        GZIP_SIGNED "gzip_signed"
        OPEN_QUESTIONS "open_questions"
        SESSION_ENDED "session_ended"
    }
    500 {
        INTERNAL "internal"
    }
    503 {
        BUSY "busy"
    }
    507 {
        DISK_FULL "disk_full"
    }
}

/// The codes of the questions that a report card may leave open.
pub const QUESTIONS: &[Code] = &[
    DAMAGED,
    PLATFORM_MISSING,
    PLATFORM_UNKNOWN,
    PLATFORM_AMBIGUOUS,
    VERSION_MISSING,
    VERSION_AMBIGUOUS,
    VERSION_UNREADABLE,
    VERSION_EXISTS,
    VERSION_NOT_HIGHER,
    OTHER_FAMILY,
    OTHER_CHIP,
    UNSIGNED,
    FLASH_SIZE,
    FITS_NONE,
    IDENTICAL,
    TOO_MANY_VERSIONS,
    NO_BOOT_LOADER,
    NO_SEGMENTS,
    TRAILING_BYTES,
    WRONG_CRC,
    GZIP_SIGNED,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once() {
        for (at, code) in ALL.iter().enumerate() {
            assert!(ALL[at + 1..].iter().all(|other| other.word != code.word), "{}", code.word);
        }
    }

    #[test]
    fn what_can_be_accepted_is_a_question() {
        for word in Question::acceptable_codes() {
            assert!(QUESTIONS.iter().any(|code| code.word == word), "{word}");
        }
    }
}
