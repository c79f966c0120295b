//! Lists in pages: a cursor says where the next one begins.

use std::str::FromStr;

use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::Uri;
use axum::http::header::{HeaderValue, LINK};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes;
use super::describe::Example;
use super::problem::Problem;

/// Items of a page, where the request does not say.
const LIMIT: u32 = 100;
/// Items of a page at most, of most lists.
pub(super) const HIGHEST: u32 = 500;

/// A list that is filtered by nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Everything {}

/// The query string of a list: its own filter, and which page of at most so many items.
#[derive(Debug)]
pub(super) struct List<F, const MOST: u32 = HIGHEST> {
    pub(super) filter: F,
    pub(super) paging: Paging,
}

/// Which page of a list.
#[derive(Debug)]
pub(super) struct Paging {
    cursor: Option<String>,
    limit: u32,
    /// Path and filters, to which the next cursor is added.
    base: String,
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Page<T> {
    items: Vec<T>,
    next: Option<String>,
    base: String,
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub(super) struct Answer<T> {
    /// What is on it.
    items: Vec<T>,
    /// The cursor of the next page; null on the last one.
    next: Option<String>,
}

impl<T: Example> Example for Answer<T> {
    fn example() -> Self {
        Self { items: vec![T::example()], next: None }
    }
}

/// The parameters that most lists take.
pub(super) fn parameters() -> [(&'static str, Value); 2] {
    let cursor = json!({
        "name": "cursor", "in": "query", "description": "`next` of the page before.",
        "schema": {"type": "string"},
    });
    [("cursor", cursor), ("limit", limit(HIGHEST))]
}

/// How many items a page has, of so many at most.
pub(super) fn limit(highest: u32) -> Value {
    json!({
        "name": "limit", "in": "query", "description": "Items of a page at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": highest, "default": LIMIT},
    })
}

impl<S, F, const MOST: u32> FromRequestParts<S> for List<F, MOST>
where
    S: Send + Sync,
    F: DeserializeOwned,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (mut cursor, mut limit) = (None, LIMIT);
        let (mut filters, mut kept) = (Vec::new(), Vec::new());
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("cursor", text) => cursor = Some(text.to_owned()),
                ("limit", text) => {
                    limit = read_limit(text, MOST)?;
                    kept.push(pair);
                }
                ("", _) => {}
                _ => {
                    filters.push(pair);
                    kept.push(pair);
                }
            }
        }
        let filter = read_filter(&filters.join("&"))?;
        kept.push("cursor=");
        let base = format!("{}?{}", parts.uri.path(), kept.join("&"));
        Ok(Self { filter, paging: Paging { cursor, limit, base } })
    }
}

fn read_limit(text: &str, highest: u32) -> Result<u32, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=highest).contains(limit));
    limit.ok_or_else(|| {
        Problem::query(format!("limit is “{text}”; expected a number from 1 to {highest}."))
    })
}

fn read_filter<F: DeserializeOwned>(query: &str) -> Result<F, Problem> {
    let uri: Result<Uri, _> = format!("/?{query}").parse();
    let uri = uri.map_err(|_| Problem::query("The query string cannot be read."))?;
    let filter = Query::try_from_uri(&uri).map_err(|error| {
        let text = error.body_text();
        let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
        Problem::query(format!("The query string does not fit: {why}; and cursor, limit."))
    })?;
    Ok(filter.0)
}

impl Paging {
    /// How many rows to ask for: one more than are shown, to see whether there is a next page.
    pub(super) const fn rows(&self) -> u32 {
        self.limit + 1
    }

    /// After what this page begins.
    pub(super) fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let key = decoded(cursor).and_then(|key| key.parse().ok());
        key.map(Some).ok_or_else(|| {
            let detail = "The cursor is none that this list gave; begin again without it.";
            Problem::new(codes::INVALID_CURSOR, detail)
        })
    }

    /// Makes a page of rows; `key` is after what the next page begins.
    pub(super) fn page<T>(self, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> Page<T> {
        let shown = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| encoded(&key(row)));
        Page { items: rows, next, base: self.base }
    }
}

impl<T> Page<T> {
    /// The same page of what each row is shown as.
    pub(super) fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        let Self { items, next, base } = self;
        Page { items: items.into_iter().map(show).collect(), next, base }
    }

    /// The same, where showing a row can fail or takes time.
    pub(super) async fn try_map<U, E, F>(self, mut show: impl FnMut(T) -> F) -> Result<Page<U>, E>
    where
        F: Future<Output = Result<U, E>>,
    {
        let Self { items: rows, next, base } = self;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(show(row).await?);
        }
        Ok(Page { items, next, base })
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let Self { items, next, base } = self;
        let link = next.as_ref().map(|next| format!("<{base}{next}>; rel=\"next\""));
        let mut response = Json(Answer { items, next }).into_response();
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(LINK, link);
        }
        response
    }
}

/// A key as a cursor: nothing that a client could be tempted to count up.
fn encoded(key: &str) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    key.bytes().rev().flat_map(|byte| [digit(byte & 15), digit(byte >> 4)]).collect()
}

fn decoded(cursor: &str) -> Option<String> {
    let nibbles: Option<Vec<u8>> =
        cursor.chars().map(|c| u8::try_from(c.to_digit(16)?).ok()).collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len() % 2 == 0)?;
    let bytes = nibbles.chunks_exact(2).rev().map(|pair| pair[1] << 4 | pair[0]);
    String::from_utf8(bytes.collect()).ok().filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for key in ["1", "12345", "chase+v2"] {
            assert_ne!(encoded(key), key);
            assert_eq!(decoded(&encoded(key)).as_deref(), Some(key));
        }
        for cursor in ["", "abc", "zz", "ffff"] {
            assert_eq!(decoded(cursor), None, "{cursor}");
        }
    }

    #[test]
    fn a_page_knows_whether_another_follows() {
        let paging = || Paging { cursor: None, limit: 2, base: "/x?cursor=".to_owned() };
        let key = |row: &i64| row.to_string();
        assert_eq!(paging().rows(), 3);
        let page = paging().page(vec![1, 2, 3], key);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(encoded("2"))));
        let page = paging().page(vec![1, 2], key);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
    }
}
