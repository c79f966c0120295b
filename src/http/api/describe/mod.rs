//! What the description of the API says of an operation.
//!
//! Most of it comes from the handler's own signature: each extractor adds what it takes and how it
//! refuses ([`Takes`](signature::Takes)), the result what is answered ([`Gives`]). What no type can say, words and
//! examples of requests, is the [`Operation`] beside the handler.

mod schemas;
mod sheet;
mod signature;
mod table;

pub(super) use schemas::{Schemas, never_null};
pub(super) use sheet::{Sheet, shared_answers};
pub(super) use signature::{Created, Done, Gives, Made};
pub(super) use table::Table;

use super::codes::{self, Code};

/// What a person has to say about an operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// The noun that it is about.
    tag: &'static str,
    /// Its name for programs.
    id: &'static str,
    /// What it does, in a line.
    summary: &'static str,
    /// What else there is to say.
    more: &'static str,
    /// The body of an example request, as JSON.
    request: &'static str,
    /// What is answered when all is well.
    answer: &'static str,
    /// How it refuses, besides what follows from the handler's signature.
    refusals: &'static [Refusal],
}

impl Operation {
    pub(super) const fn new(tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { tag, id, summary, more: "", request: "", answer: "Done.", refusals: &[] }
    }

    /// With what else there is to say.
    pub(super) const fn more(self, more: &'static str) -> Self {
        Self { more, ..self }
    }

    /// With an example of the body that is sent.
    pub(super) const fn takes(self, request: &'static str) -> Self {
        Self { request, ..self }
    }

    /// With what is answered.
    pub(super) const fn gives(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }

    /// With how it refuses.
    pub(super) const fn refuses(self, refusals: &'static [Refusal]) -> Self {
        Self { refusals, ..self }
    }
}

/// One way to refuse: its codes, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    text: &'static str,
    codes: &'static [Code],
    /// Its name among the answers that many operations share.
    name: Option<&'static str>,
}

/// A refusal of an operation's own: when, with what codes.
pub(super) const fn when(text: &'static str, codes: &'static [Code]) -> Refusal {
    Refusal { text, codes, name: None }
}

const fn shared(name: &'static str, text: &'static str, codes: &'static [Code]) -> Refusal {
    Refusal { text, codes, name: Some(name) }
}

/// What was named does not exist.
pub(super) const MISSING: Refusal = shared("NotFound", "There is none", &[codes::NOT_FOUND]);
/// The path is no MAC address.
pub(super) const NO_MAC: Refusal =
    shared("NoMac", "The path is no MAC address", &[codes::INVALID_MAC]);
/// A body that cannot be read.
const BAD_BODY: Refusal = shared(
    "BadRequest",
    "The request cannot be read",
    &[codes::INVALID_JSON, codes::UNKNOWN_FIELD],
);
/// A body that is too large.
const LARGE_BODY: Refusal =
    shared("BodyTooLarge", "The JSON is larger than 64 KiB", &[codes::TOO_LARGE]);
/// A body of another kind.
const OTHER_BODY: Refusal =
    shared("NotJson", "The body is not declared as JSON", &[codes::NOT_JSON]);
/// A query string that cannot be read.
const BAD_QUERY: Refusal =
    shared("BadQuery", "The query string cannot be read", &[codes::INVALID_QUERY]);
/// The same of a list.
const BAD_PAGE: Refusal = shared(
    "BadPage",
    "The query string cannot be read",
    &[codes::INVALID_QUERY, codes::INVALID_CURSOR],
);
/// Nothing can be written.
const DISK_FULL: Refusal =
    shared("DiskFull", "The server’s disk is full; nothing was changed", &[codes::DISK_FULL]);
/// A fault of the server.
const INTERNAL: Refusal =
    shared("Internal", "The server could not do it; its log says why", &[codes::INTERNAL]);
/// Nobody who is known asks.
const UNAUTHORIZED: Refusal = shared(
    "Unauthorized",
    "Nobody who is known asks: no token, one that was revoked or has ended, no session",
    &[codes::UNAUTHORIZED],
);
/// Who asks may not do this.
const FORBIDDEN: Refusal = shared(
    "Forbidden",
    "The one who asks may not do this: `forbidden`, with the `scope` or `role` that is needed; \
     `csrf` where a browser’s session does not show that a page of this server asks, \
     `foreign_origin` where a page of another site does",
    &[codes::FORBIDDEN, codes::CSRF, codes::FOREIGN_ORIGIN],
);

/// The refusals that many operations share.
const SHARED: [Refusal; 11] = [
    MISSING,
    NO_MAC,
    BAD_BODY,
    LARGE_BODY,
    OTHER_BODY,
    BAD_QUERY,
    BAD_PAGE,
    DISK_FULL,
    INTERNAL,
    UNAUTHORIZED,
    FORBIDDEN,
];

/// An answer that has an example: a value of its own type, so that the two cannot differ.
pub(super) trait Example {
    fn example() -> Self;
}
