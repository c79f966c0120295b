//! Addresses with a query string, for links that keep a filter.

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
            self.0.push_str(&format!("{}{name}={value}", self.1));
            self.1 = '&';
        }
        self
    }

    /// The address.
    pub(super) fn finish(self) -> String {
        self.0
    }
}
