//! What the program does: one file per task, without any HTTP.
//!
//! [`App`] is the handle that forms, API, devices and jobs share. What changes or decides is a
//! method of it; what only reads may ask its [`Store`]. Decisions are made from memory: the
//! [`Shelf`] holds what is on offer and the fleet what is known of each device, both loaded at
//! the start and kept in step by the methods that write.

mod accounts;
mod catalog;
mod devices;
mod error;
mod explain;
mod first_contact;
mod fleet;
mod folder;
mod groups;
mod holds;
mod offers;
mod on_offer;
mod packing;
mod pairing;
mod platforms;
mod policies;
mod poll;
mod presence;
mod preview;
mod promote;
mod proof_check;
mod quick;
mod recognise;
mod record;
mod releases;
mod rollouts;
mod runs;
mod secrets;
mod settings;
mod shelf;
mod stats;
mod stock;
mod supposed;
mod told;
mod touched;
mod transfer;
mod unknown;
mod unwritten;
mod upload;
mod write_behind;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::task::TaskTracker;

pub use accounts::{Accounts, Bearer, Caller, Enrolment, SignIn, SignedIn, TokenWish};
pub use catalog::{Asker, Catalog, CatalogError, Entry, EntryKind, FileTarget};
pub use devices::{DeviceChange, NewApproval, Whitelisted};
pub use error::Error;
pub use explain::Explanation;
pub use folder::{FolderFile, FolderKind};
pub use groups::GroupChange;
pub use holds::HeldDevice;
pub use pairing::{PairingChange, Pairings, TurnedAway, Unasked};
pub use platforms::PlatformChange;
pub use policies::PolicyChange;
pub use poll::{Answer, Firmware, Poll, Wanted};
pub use presence::Presences;
pub use preview::{DETAILED, Decided, Forecast, Preview, PreviewPart, Supposed};
pub use record::OtherName;
pub use releases::{FileWish, ReleaseChange};
pub use rollouts::{PlanWish, RolloutStatus};
pub use runs::{Reach, RunningRelease, Runs};
pub use secrets::{DeviceProof, ProofCount};
pub use settings::{PendingAnswer, Settings, read_spacing, spacing_text};
pub use shelf::{OnOffer, Recognised, Shelf, ShelfPlatform};
pub use stats::Sending;
pub use touched::{Touch, Touched};
pub use transfer::{InFlight, TransferEnd};
pub use unknown::Crowd;
pub use upload::{
    Accepted, Examined, Fits, Inside, Lacking, Previous, Receiving, ReportCard, Uploaded, Wishes,
};

use crate::blobs::Blobs;
use crate::clock::Clock;
use crate::config::{Auth, PasswordCost, PublicUrl, TimeZone};
use crate::domain::Timestamp;
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::store::Store;
use catalog::Lists;
use fleet::Fleet;
use pairing::{Doorstep, LetIn};
use proof_check::ProofCheck;
use recognise::Closer;
use rollouts::Rollouts;
use stats::{Counted, Flights};
use stock::Stock;
use unknown::{EventBudget, Newcomers, UnknownCallers};
use write_behind::LateWrite;

/// How long a stop waits for the work behind the answers.
const CLOSING: Duration = Duration::from_secs(4);

/// What the command line fixes for the whole run.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Largest image that may be uploaded, in bytes.
    pub max_upload: u64,
    /// The folder of `--catalog`.
    pub catalog: Option<PathBuf>,
    /// The address that devices use, where the command line names it.
    pub public_url: Option<PublicUrl>,
    /// The time zone, where the command line names it.
    pub time_zone: Option<TimeZone>,
    /// Whether only this machine itself can reach the server.
    pub local_only: bool,
    /// Who may change things.
    pub auth: Auth,
    /// How much work a password's hash is.
    pub password_cost: PasswordCost,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_upload: 32 << 20,
            catalog: None,
            public_url: None,
            time_zone: None,
            local_only: false,
            auth: Auth::Password,
            password_cost: PasswordCost::default(),
        }
    }
}

/// The program; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    blobs: Blobs,
    clock: Arc<dyn Clock>,
    limits: Limits,
    accounts: Accounts,
    shelf: ArcSwap<Shelf>,
    fleet: Fleet,
    settings: ArcSwap<Settings>,
    /// Held while a person's change is carried out, so that database and memory change in step.
    changing: Mutex<()>,
    /// Held while a new device is recorded, so that it is recorded once.
    recording: Mutex<()>,
    /// Held from judging a file to publishing it, so that the judgement still holds then.
    accepting: Mutex<()>,
    /// Held while images are compressed: one at a time, and each once.
    packing: Mutex<()>,
    /// Uploads that are looked at at the same time, each of which takes the memory of its image.
    inspecting: Semaphore,
    /// Held while a batch is written: who wants everything written waits for one under way.
    flushing: Mutex<()>,
    /// Changes of attempts that could not be written yet.
    late: Mutex<Vec<LateWrite>>,
    closer: Closer,
    unknown: UnknownCallers,
    newcomers: Newcomers,
    rollouts: Rollouts,
    let_in: LetIn,
    doorstep: Doorstep,
    proof_check: ProofCheck,
    /// Held while a preview looks at the fleet.
    previewing: Mutex<()>,
    /// Events about devices that nobody approved.
    strangers: EventBudget,
    /// Events about the server's own failures.
    faults: EventBudget,
    uploads: AtomicU64,
    lists: Lists,
    /// Downloads under way, for those who watch.
    flights: Flights,
    /// Statistics that took long to count.
    counted: Counted,
    tasks: TaskTracker,
}

impl App {
    /// Loads everything that decisions need into memory.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn open(
        store: Store,
        blobs: Blobs,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let now = clock.now();
        let cut = store.end_cut_attempts(now).await?;
        if cut > 0 {
            tracing::info!(attempts = cut, "downloads that the last stop cut are marked aborted");
        }
        let settings = Settings::load(&store, &limits).await?;
        let rollouts = Rollouts::default();
        let shelf = Shelf::new(Stock::load(&store, &rollouts).await?);
        let fleet = Fleet::load(&store, now).await?;
        let accounts = Accounts::new(store.clone(), clock.clone(), limits.password_cost);
        let proof_check = ProofCheck::open(&store).await?;
        let inner = Inner {
            accounts,
            proof_check,
            store,
            blobs,
            clock,
            limits,
            shelf: ArcSwap::from_pointee(shelf),
            fleet,
            settings: ArcSwap::from_pointee(settings),
            changing: Mutex::default(),
            recording: Mutex::default(),
            accepting: Mutex::default(),
            packing: Mutex::default(),
            inspecting: Semaphore::new(2),
            flushing: Mutex::default(),
            late: Mutex::default(),
            closer: Closer::default(),
            unknown: UnknownCallers::default(),
            newcomers: Newcomers::default(),
            rollouts,
            let_in: LetIn::default(),
            doorstep: Doorstep::default(),
            previewing: Mutex::default(),
            strangers: EventBudget::new(1_000),
            faults: EventBudget::new(60),
            uploads: AtomicU64::new(0),
            lists: Lists::default(),
            flights: Flights::default(),
            counted: Counted::default(),
            tasks: TaskTracker::new(),
        };
        let app = Self(Arc::new(inner));
        app.index_images().await?;
        Ok(app)
    }

    /// The database, for what only reads.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// What the command line fixes.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// People and programs.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Whether whoever reaches the server may change things.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.limits.auth == Auth::None
    }

    /// What is on offer right now.
    #[must_use]
    pub fn shelf(&self) -> Arc<Shelf> {
        self.0.shelf.load_full()
    }

    /// The settings right now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.0.settings.load_full()
    }

    /// Work that goes on behind an answer; a stop waits for it.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Ends the work behind the answers, writes what is written behind, and closes the database.
    pub async fn close(&self) {
        self.0.tasks.close();
        // Bounded, so that a container's engine need not kill us.
        if tokio::time::timeout(CLOSING, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("work behind the answers did not end in time");
        }
        if let Err(error) = self.flush_all().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the last check-ins are lost"
            );
        }
        self.0.store.close().await;
    }

    /// Puts the shelf in step with the database after a change.
    async fn restock(&self) -> Result<(), Error> {
        let stock = Stock::load(&self.0.store, &self.0.rollouts).await?;
        self.0.shelf.store(Arc::new(Shelf::new(stock)));
        Ok(())
    }

    /// Logs an event and writes it now: into the event log, the audit log, or both, as
    /// [`Entry::of`](crate::domain::audit::Entry::of) tells.
    async fn record(&self, event: Event) -> Result<(), Error> {
        log(&event);
        self.0.store.record_events(&[event]).await?;
        Ok(())
    }

    /// Logs what the server judged and writes it now; where the database fails, with the next
    /// batch: a device is not refused because of it.
    async fn record_judged(&self, event: Event) {
        if let Err(error) = self.record(event.clone()).await {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "what the server judged is written later");
            self.0.fleet.record_later(event);
        }
    }

    /// Logs an event and writes it with the next batch.
    fn record_later(&self, event: Event) {
        log(&event);
        self.0.fleet.record_later(event);
    }
}

/// An event as a structured log line.
fn log(event: &Event) {
    use crate::domain::event::Severity;
    let mac = event.mac.map(|mac| mac.to_string());
    let (mac, platform) = (mac.as_deref(), event.platform.as_deref());
    let (kind, text) = (event.kind.word(), event.text.as_str());
    let (release, actor) = (event.release_id, event.actor.as_str());
    let address = event.author.as_ref().and_then(Actor::address).map(|address| address.to_string());
    let address = address.as_deref();
    match event.kind.severity() {
        Severity::Info | Severity::Good => tracing::info!(
            event = kind,
            device.mac = mac,
            platform,
            release.id = release,
            actor,
            actor.address = address,
            "{text}"
        ),
        Severity::Warning | Severity::Problem => tracing::warn!(
            event = kind,
            device.mac = mac,
            platform,
            release.id = release,
            actor,
            actor.address = address,
            "{text}"
        ),
    }
}
