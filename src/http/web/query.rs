//! Addresses with a query string, for links that keep a filter.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// An address that grows by what is not empty.
#[derive(Debug)]
pub(super) struct QueryString(String, char);

impl QueryString {
    /// The bare path.
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned(), '?')
    }

    /// Adds a value, unless it is empty.
    pub(super) fn add(&mut self, name: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            // Writing to a `String` cannot fail.
            let _ = write!(self.0, "{}{name}={value}", self.1);
            self.1 = '&';
        }
        self
    }

    /// The address.
    pub(super) fn finish(self) -> String {
        self.0
    }
}
