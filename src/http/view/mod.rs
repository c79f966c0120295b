//! How values look on pages: pure functions from what is known to what is drawn.

pub mod charts;
pub mod filters;
pub mod operations;
pub mod qr;
pub mod rollout;
pub mod words;
