//! The routes of the API, each with what it needs and what is to be said about it.

use axum::handler::Handler;
use serde_json::Value;

use super::signature::Signature;
use super::{Operation, Schemas, Sheet};
use crate::app::App;
use crate::domain::access::Need;
use crate::http::access::{Face, Routes};

/// The routes, with their descriptions.
#[derive(Debug)]
pub(in crate::http::api) struct Table {
    routes: Routes,
    entries: Vec<Entry>,
}

/// A route with its description.
#[derive(Debug)]
pub(in crate::http::api) struct Entry {
    /// The method, in small letters.
    pub(in crate::http::api) method: &'static str,
    /// The path, with the gaps in braces.
    pub(in crate::http::api) path: &'static str,
    need: Need,
    operation: Operation,
    draw: fn(&mut Sheet<'_>),
}

impl Entry {
    /// What the document says of it.
    pub(in crate::http::api) fn describe(&self, schemas: &mut Schemas) -> Value {
        let mut sheet = Sheet::new(&self.operation, schemas, self.path);
        (self.draw)(&mut sheet);
        sheet.finish(self.need)
    }
}

/// A method of [`Table`] that adds a route of one HTTP method.
macro_rules! adds {
    ($($(#[$doc:meta])* $name:ident, $method:literal;)+) => {$(
        $(#[$doc])*
        pub(in crate::http::api) fn $name<H, T, S>(
            mut self,
            path: &'static str,
            need: Need,
            handler: H,
            operation: Operation,
        ) -> Self
        where
            H: Handler<T, App> + Signature<S>,
            T: 'static,
        {
            let draw = <H as Signature<S>>::draw;
            self.entries.push(Entry { method: $method, path, need, operation, draw });
            self.routes = self.routes.$name(path, need, handler);
            self
        }
    )+};
}

impl Table {
    /// None yet.
    pub(in crate::http::api) fn new() -> Self {
        Self { routes: Routes::new(Face::Program), entries: Vec::new() }
    }

    adds! {
        /// Answers `GET` and `HEAD`.
        get, "get";
        /// Answers `POST`.
        post, "post";
        /// Answers `POST` with files, whose handler counts the bytes itself.
        upload, "post";
        /// Answers `PATCH`.
        patch, "patch";
        /// Answers `DELETE`.
        delete, "delete";
    }

    /// The routes alone.
    pub(in crate::http::api) fn into_routes(self) -> Routes {
        self.routes
    }

    /// All of them, in order.
    pub(in crate::http::api) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}
