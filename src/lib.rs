//! Espalier: a self-hosted over-the-air update server for ESP8266 and ESP32 devices.
//!
//! # The map
//!
//! Rings outside, nouns inside: the same noun names the file in every ring, in `templates/` and in
//! `tests/`. Arrows point inwards only; `tests/architecture.rs` holds that.
//!
//! ```text
//! main → cli → server      wire everything together (config: the command line; machine, clock)
//!        tls               certificates, and the first bytes of TLS connections
//!        http · jobs       adapters: HTTP (axum, askama), timers
//!        app               what the program does, without HTTP
//!        store · blobs     the database (sqlx) · the firmware files
//!        domain            what we know and how we decide: pure
//! ```
//!
//! # Five walks
//!
//! **A device checks in** (`GET /update?dev=chase&ver=v1.0.2`). [`http::wire`] accepts the
//! connection and repairs the request line; `http::device::report` reads the headers into a
//! [`domain::report::Report`]; [`app::App::answer_poll`] puts the
//! [`domain::update::Situation`] together from memory ([`app::Shelf`] and the fleet), lets
//! [`domain::update::decide`] decide, and writes what must be durable (an offer, a first contact);
//! `http::device::respond` draws 200, 304 or the original server's error. Last-seen and counters
//! are written behind, at most a second later, in one transaction.
//!
//! **A firmware is uploaded** (form or API). [`app::App::receive`] streams it into a temporary
//! file; `finish` syncs, hashes and inspects it ([`domain::image`]); [`app::App::accept`] judges it
//! and keeps it: file first ([`blobs::Blobs::keep`]), row second, old file last. Open questions
//! leave a draft, never a guess.
//!
//! **A page is viewed.** `http::web` reads the frame (theme, flash, counts) and asks
//! [`store::Store`] for what it shows; a device's page also asks [`app::App::explain`], which runs
//! the very function that answers the device, with its reasons.
//!
//! **Somebody asks who may not.** [`http::access::identify()`] finds out who asks (a session, a token,
//! nobody); the guard that [`http::access::Routes`] puts before every route asks
//! [`domain::access::permits`] whether they may do what the route needs, and checks the token of a
//! form. What an upload's token may do on the platform that turns up is asked again in the handler.
//!
//! **A release is rolled out.** Publishing by a plan puts a gate before the release
//! ([`domain::rollout::Rollout`]). A device that checks in is let through or waits
//! (`Rollout::admits`, from memory); what becomes of it is counted with its attempt, and the count
//! halts the rollout before the next device is answered. A job opens the next stage when a look at
//! the fleet says that the one before is through. The dry run ([`app::App::preview`]) makes a shelf
//! of what would be, and lets the same function decide.
//!
//! # Why
//!
//! *Why decide from memory?* A poll is by far the most frequent request, and its answer is nearly
//! always 304. One process owns its data folder (a lock file says so), so memory can be trusted.
//!
//! *Why are users, sessions and tokens not in memory?* So that `espalier user` works beside the
//! running server, and a revoked token is refused at once. A page costs one small read more.
//!
//! *Why an accept loop of our own?* Real sketches send request lines that no HTTP library accepts,
//! and a download only counts when the device took the last byte and closed in order.

pub mod app;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod jobs;
pub mod machine;
pub mod server;
pub mod store;
pub mod tls;
