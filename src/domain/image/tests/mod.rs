//! Whole files: what is found in them.

pub(super) mod build;
mod damage;
mod files;
mod firmware;
mod formats;
mod fuzz;
mod structure;
mod whole;

use super::*;

/// An answer as a line of a table.
fn show<T>(found: &Found<T>, text: impl Fn(&T) -> String) -> String {
    match found {
        Found::Nothing => "nothing".to_owned(),
        Found::One(one) => text(one),
        Found::Several(all) => {
            format!("? {}", all.iter().map(text).collect::<Vec<_>>().join(" "))
        }
    }
}
