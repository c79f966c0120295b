//! How values look on pages: pure functions from what is known to what is drawn.

pub mod charts;
pub mod days;
pub mod filters;
pub mod heat;
pub mod operations;
pub mod qr;
pub mod rollout;
pub mod steps;
pub mod words;
