//! Values that are one of a few words, times, and members that may be missing: what the schemas of
//! requests and answers say of them comes from their types.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codes::{self, Code};
use super::time;
use crate::domain::Timestamp;
use crate::domain::access::Role;
use crate::domain::actor::ActorKind;
use crate::domain::chip::{Chip, Family};
use crate::domain::decoder::Tone;
use crate::domain::device::{Approval, AttemptState};
use crate::domain::event::{Kind, Severity};
use crate::domain::image;
use crate::domain::learnt::{ChipFrom, GzipTried};
use crate::domain::pairing;
use crate::domain::platform::{Admission, GzipPolicy};
use crate::domain::policy::{Channel, Rule};
use crate::domain::proof::{ProofKind, ProofStanding};
use crate::domain::release::{PackedFrom, Part, ReleaseState};
use crate::domain::report::Mode;
use crate::domain::rhythm::Presence;
use crate::domain::rollout::{self, Command, Member, StageState};
use crate::domain::update::Prospect;

/// A type whose values are words.
pub(super) trait Words: Copy + 'static {
    /// The word of a value.
    fn word(self) -> &'static str;
    /// All words, in order; each once.
    fn all() -> Vec<&'static str>;
}

/// One of the words of a type: shown as the word, described as their list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<T>(pub(super) T);

impl<T: Words> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<T: Words> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        std::any::type_name::<T>().into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": T::all()})
    }
}

/// Gives types their words: by a list of the domain, or by all values, one after the other, which
/// the compiler holds against the type.
macro_rules! words {
    ($($type:ty, $word:ident: $($pattern:ident)|+;)+) => {$(
        impl Words for $type {
            fn word(self) -> &'static str {
                let _complete = match self { $(Self::$pattern)|+ => () };
                <$type>::$word(self)
            }

            fn all() -> Vec<&'static str> {
                unique([$(Self::$pattern,)+].map(<$type>::$word))
            }
        }
    )+};
    ($($type:ty, $word:ident;)+) => {$(
        impl Words for $type {
            fn word(self) -> &'static str {
                <$type>::$word(self)
            }

            fn all() -> Vec<&'static str> {
                unique(<$type>::ALL.iter().map(|value| <$type>::$word(*value)))
            }
        }
    )+};
    ($($type:ty { $($value:ident = $word:literal)+ })+) => {$(
        impl Words for $type {
            fn word(self) -> &'static str {
                match self { $(Self::$value => $word,)+ }
            }

            fn all() -> Vec<&'static str> {
                unique([$($word,)+])
            }
        }
    )+};
}

fn unique(words: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let mut all = Vec::new();
    for word in words {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all
}

words! {
    ActorKind, word;
    Approval, word;
    AttemptState, word;
    Channel, word;
    Chip, name;
    Command, word;
    GzipPolicy, word;
    Kind, word;
    Presence, word;
    ProofKind, word;
    Prospect, word;
    Role, word;
    Rule, word;
    StageState, word;
    rollout::State, word;
}

words! {
    Admission, word: Approved | Any;
    ChipFrom, word: Running | Person | Told;
    GzipTried, word: Taken | Failed;
    Mode, word: Sketch | FileSystem | Version | Unknown;
    PackedFrom, word: Uploaded | Made | Estimated;
    Part, word: Application | FileSystem;
    ReleaseState, word: Draft | Published | Withdrawn;
    ProofStanding, word: NoSecret | Unknown | Missing | Wrong | Old | Newest;
    Tone, word: Good | Info | Warn | Bad;
    image::FileSystemKind, name: LittleFs | Spiffs | Fat;
    image::Source, code: Marker | Descriptor | NearName | Alone | FileName | Other | Library;
    pairing::Rule, word: Ask | Closed;
}

words! {
    Family { Esp8266 = "esp8266" Esp32 = "esp32" }
    Member {
        Exposed = "on_the_way"
        Broken = "broken"
        Confirmed = "confirmed"
        Failed = "failed"
        Forgiven = "failed"
        Strayed = "came_back_otherwise"
        Left = "left"
    }
    Severity { Info = "info" Good = "good" Warning = "warning" Problem = "problem" }
    image::Form {
        Esp8266Arduino = "esp8266_arduino"
        Esp8266Plain = "esp8266_plain"
        Esp8266Rtos = "esp8266_rtos"
        Esp32 = "esp32"
        Unknown = "unknown"
    }
    image::MentionWeight {
        CommonWord = "common_word"
        InText = "in_text"
        Alone = "alone"
        BesideVersion = "beside_version"
        Descriptor = "descriptor"
        Marker = "marker"
    }
    image::Severity { Note = "note" Doubt = "doubt" Fatal = "fatal" }
    image::SignatureScheme {
        Esp8266 = "esp8266"
        ArduinoEsp32 = "arduino_esp32"
        SecureBootV1 = "secure_boot_v1"
        SecureBootV2 = "secure_boot_v2"
    }
    image::Verdict { Sound = "green" Doubtful = "amber" Unfit = "red" }
}

impl Words for Code {
    fn word(self) -> &'static str {
        Self::word(self)
    }

    fn all() -> Vec<&'static str> {
        codes::ALL.iter().map(|code| code.word()).collect()
    }
}

/// A moment, shown as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Timestamp);

impl Time {
    /// The moment in examples.
    pub(super) const EXAMPLE: Self = Self(1_772_366_400);
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time::text(self.0))
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A member that may be missing, but not null: null would say "remove it", which means nothing.
#[derive(Debug, Clone)]
pub(super) struct Given<T>(pub(super) Option<T>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(|value| Self(Some(value)))
    }
}

impl<T: JsonSchema> JsonSchema for Given<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
