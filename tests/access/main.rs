//! Who may do what, from outside: over sockets, on a real database, with access control on.
//!
//! [`matrix`] tries every route as everybody; [`attacks`] tries what attackers try; [`asvs`] says
//! which test proves which requirement of OWASP ASVS, level 1.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what is wrong by failing"
)]

#[expect(dead_code, reason = "shared with the other tests, which need all of it")]
#[path = "../it/support/http.rs"]
mod http;
#[expect(dead_code, reason = "shared with the other tests, which need all of it")]
#[path = "../it/support/image.rs"]
mod image;
#[expect(dead_code, reason = "shared with the other tests, which need all of it")]
#[path = "../it/support/tls.rs"]
mod tls;

mod asvs;
mod attacks;
mod audit;
mod client;
mod codes;
mod command_line;
mod cookies;
mod guesses;
mod matrix;
mod people;
mod places;
mod recipes;
mod restart;
mod shown;
mod templates;
mod tokens;
