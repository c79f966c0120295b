//! Who may do what, from outside: over sockets, on a real database, with access control on.
//!
//! [`matrix`] tries every route as everybody; [`attacks`] tries what attackers try; [`asvs`] says
//! which test proves which requirement of OWASP ASVS, level 1.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod asvs;
mod attacks;
mod client;
mod codes;
mod command_line;
mod matrix;
mod people;
mod templates;
mod tokens;
