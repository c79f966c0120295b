//! The page that asks before something is deleted, and says what goes with it.

use askama::Template;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::page::{Page, View};

/// The confirmation page.
#[derive(Debug, Template)]
#[template(path = "confirm.html", blocks = ["confirm"])]
pub(super) struct Confirm {
    pub(super) page: Page,
    /// The question, in a line.
    pub(super) title: String,
    /// What goes with it.
    pub(super) consequences: Vec<String>,
    /// What stays.
    pub(super) remains: &'static str,
    /// Where the form is sent.
    pub(super) action: String,
    /// What the button says.
    pub(super) button: &'static str,
    /// Where "Keep it" leads.
    pub(super) back: String,
}

/// Which part of a page is asked for; all of it where this is missing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Part {
    fragment: Option<String>,
}

impl Part {
    /// Whether only this part is asked for.
    pub(super) fn is(&self, name: &str) -> bool {
        self.fragment.as_deref() == Some(name)
    }
}

impl Confirm {
    /// The page, or only its card for a dialog.
    pub(super) fn show(self, part: &Part) -> Response {
        if part.is("confirm") {
            View(self.as_confirm()).into_response()
        } else {
            View(self).into_response()
        }
    }
}
