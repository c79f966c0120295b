//! The pages in a real browser: headless Chromium, driven as a person would.
//!
//! Needs `chromium` and `chromedriver`; without them every test says `SKIPPED:` and passes, unless
//! `ESPALIER_REQUIRE_BROWSER=1` demands them. `ESPALIER_SCREENSHOTS=folder` keeps a picture of
//! every page that [`walk`] visits.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod browser;
mod device;
mod driver;
mod image;
mod job;
mod rollout;
mod secrets;
mod server;
mod walk;
