//! What the signature of a handler says about an operation.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    BAD_BODY, BAD_PAGE, BAD_QUERY, DISK_FULL, Example, LARGE_BODY, OTHER_BODY, Sheet, when,
};
use crate::app::App;
use crate::http::api::codes;
use crate::http::api::extract::{Actor, Body, Form, Segment};
use crate::http::api::granted::Granted;
use crate::http::api::page::{self, List, Page};
use crate::http::api::problem::Problem;

/// Something that a handler takes out of a request.
pub(in crate::http::api) trait Takes {
    /// Adds what that means for those who ask.
    fn draw(sheet: &mut Sheet<'_>);
}

/// Something that a handler answers with.
pub(in crate::http::api) trait Gives {
    /// Adds what that means for those who ask.
    fn draw(sheet: &mut Sheet<'_>);
}

/// A handler, whose signature is known.
pub(in crate::http::api) trait Signature<A> {
    /// Adds what it takes and gives.
    fn draw(sheet: &mut Sheet<'_>);
}

macro_rules! signatures {
    ($(($($taken:ident)*))+) => {$(
        impl<F, Fut, R, $($taken,)*> Signature<($($taken,)*)> for F
        where
            F: Fn($($taken),*) -> Fut,
            Fut: Future<Output = R>,
            R: Gives,
            $($taken: Takes,)*
        {
            fn draw(sheet: &mut Sheet<'_>) {
                $($taken::draw(sheet);)*
                R::draw(sheet);
            }
        }
    )+};
}

signatures! { () (A) (A B) (A B C) (A B C D) (A B C D E) }

impl Takes for State<App> {
    fn draw(_: &mut Sheet<'_>) {}
}

impl Takes for Granted {
    fn draw(_: &mut Sheet<'_>) {}
}

/// Who asks is written down with what they change, which needs room.
impl Takes for Actor {
    fn draw(sheet: &mut Sheet<'_>) {
        sheet.refuses(DISK_FULL);
    }
}

impl<T: JsonSchema> Takes for Segment<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.asked_inline::<T>();
        sheet.segments(&schema);
    }
}

impl<T: JsonSchema + DeserializeOwned> Takes for Body<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.asked::<T>();
        // An example that the handler would not read is none.
        let text = sheet.operation.request;
        let example = serde_json::from_str::<T>(text).ok().and(serde_json::from_str(text).ok());
        sheet.body("application/json", &schema, example.as_ref());
        for refusal in [BAD_BODY, LARGE_BODY, OTHER_BODY] {
            sheet.refuses(refusal);
        }
    }
}

impl<F: JsonSchema> Takes for Form<F> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.asked::<F>();
        let example = serde_json::from_str(sheet.operation.request).ok();
        sheet.body("multipart/form-data", &schema, example.as_ref());
        let codes = &[codes::MALFORMED_MULTIPART, codes::UNKNOWN_FIELD, codes::TOO_MANY_FIELDS];
        sheet.refuses(when("The form cannot be read", codes));
        sheet.refuses(when("The body is no form", &[codes::NOT_MULTIPART]));
    }
}

impl<F: JsonSchema, const MOST: u32> Takes for List<F, MOST> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.asked_inline::<F>();
        sheet.query(&schema);
        sheet.shared_parameter("cursor");
        if MOST == page::HIGHEST {
            sheet.shared_parameter("limit");
        } else {
            sheet.parameter(page::limit(MOST));
        }
        sheet.refuses(BAD_PAGE);
    }
}

impl<T: JsonSchema> Takes for Result<Query<T>, QueryRejection> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.asked_inline::<T>();
        sheet.query(&schema);
        sheet.refuses(BAD_QUERY);
    }
}

impl<R: Gives> Gives for Result<R, Problem> {
    fn draw(sheet: &mut Sheet<'_>) {
        R::draw(sheet);
    }
}

impl<T: JsonSchema + Serialize + Example> Gives for Json<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.shown::<T>();
        sheet.json(200, &schema, &T::example());
    }
}

impl<T: JsonSchema + Serialize + Example> Gives for Page<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.shown::<page::Answer<T>>();
        sheet.json(200, &schema, &page::Answer::<T>::example());
        let text = "The next page: `<…>; rel=\"next\"`. Missing on the last one.";
        sheet.header(200, "Link", text);
    }
}

/// It is done, and there is nothing to say about it.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::api) struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl Gives for Done {
    fn draw(sheet: &mut Sheet<'_>) {
        sheet.empty(204);
    }
}

/// Something was made, and this is it.
#[derive(Debug, Clone, Copy)]
pub(in crate::http::api) struct Made<T>(pub(in crate::http::api) T);

impl<T: Serialize> IntoResponse for Made<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: JsonSchema + Serialize + Example> Gives for Made<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        let schema = sheet.schemas.shown::<T>();
        sheet.json(201, &schema, &T::example());
    }
}

/// Something was made that has an address of its own.
#[derive(Debug, Clone)]
pub(in crate::http::api) struct Created<T> {
    /// Its address.
    pub(in crate::http::api) location: String,
    /// What it is.
    pub(in crate::http::api) body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        ([(LOCATION, self.location)], Made(self.body)).into_response()
    }
}

impl<T: JsonSchema + Serialize + Example> Gives for Created<T> {
    fn draw(sheet: &mut Sheet<'_>) {
        Made::<T>::draw(sheet);
        sheet.header(201, "Location", "The address of what was created.");
    }
}
