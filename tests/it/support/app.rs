//! A whole server on a port of its own, with a database and files of its own.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use clap::Parser;
use espalier::app::{
    Accepted, App, DeviceChange, Error, NewApproval, PlanWish, PlatformChange, ReleaseChange,
    RolloutStatus, Uploaded, Wishes,
};
use espalier::clock::FakeClock;
use espalier::config::{CommandLine, Serve};
use espalier::domain::actor::Actor;
use espalier::domain::device::{Approval, Attempt, AttemptState, Device};
use espalier::domain::event::{Event, Kind};
use espalier::domain::mac::MacAddr;
use espalier::domain::platform::{Admission, GzipPolicy};
use espalier::domain::proof::ProofKind;
use espalier::domain::release::{Counters, Release, ReleaseState};
use espalier::server::Server;
use espalier::store::EventFilter;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::http::{eventually, soon};
use super::image::Firmware;

/// Where the clock stands at first: a Tuesday in November 2023.
pub const NOON: i64 = 1_700_000_000;

/// What a release of the tests may be.
const ACCEPTED: [&str; 8] = [
    "version_not_higher",
    "version_unreadable",
    "other_family",
    "other_chip",
    "unsigned",
    "flash_size",
    "fits_none",
    "gzip_signed",
];

/// A running server.
#[derive(Debug)]
pub struct TestApp {
    pub app: App,
    pub address: SocketAddr,
    /// All addresses: those of `--port`, then those of `--device-port`.
    pub addresses: Vec<SocketAddr>,
    /// What it says at the start.
    pub greeting: Vec<String>,
    pub clock: Arc<FakeClock>,
    folder: TempDir,
    arguments: Vec<String>,
    stop: DropGuard,
    task: JoinHandle<()>,
}

/// A server that is about to be started.
#[derive(Debug)]
pub struct Plan {
    folder: TempDir,
    arguments: Vec<String>,
}

/// A release with the bytes of its file.
#[derive(Debug, Clone)]
pub struct Released {
    pub release: Release,
    pub bytes: Vec<u8>,
}

impl Released {
    /// Its number.
    pub fn id(&self) -> i64 {
        self.release.id
    }

    /// Its size in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The MD5 of its file.
    pub fn md5(&self) -> String {
        super::image::md5(&self.bytes)
    }
}

impl Plan {
    /// With one more argument on the command line.
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The data folder that it will have.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// With a `--catalog` folder that holds these files.
    pub fn with_catalog(self, files: &[(&str, &[u8])]) -> Self {
        let catalog = self.folder.path().join("catalog");
        std::fs::create_dir_all(&catalog).unwrap();
        for (name, bytes) in files {
            let path = catalog.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let catalog = catalog.to_str().unwrap().to_owned();
        self.with("--catalog").with(&catalog)
    }

    /// Starts it.
    pub async fn start(self) -> TestApp {
        launch(self.folder, self.arguments, NOON).await
    }
}

async fn launch(folder: TempDir, arguments: Vec<String>, now: i64) -> TestApp {
    let clock = Arc::new(FakeClock::at(now));
    let options = options(folder.path(), &arguments);
    let server = Server::start_with(&options, clock.clone()).await.expect("it starts");
    let (app, addresses) = (server.app().clone(), server.addresses());
    let (address, greeting) = (addresses[0], server.greeting());
    let stop = CancellationToken::new();
    let task = tokio::spawn(server.run(stop.clone()));
    let stop = stop.drop_guard();
    TestApp { app, address, addresses, greeting, clock, folder, arguments, stop, task }
}

fn options(folder: &Path, arguments: &[String]) -> Serve {
    let data = folder.join("data");
    let fixed = ["espalier", "--auth", "none", "--port", "0", "--bind", "127.0.0.1", "--data"];
    let all =
        fixed.iter().map(|text| (*text).to_owned()).chain([data.to_str().unwrap().to_owned()]);
    CommandLine::try_parse_from(all.chain(arguments.iter().cloned())).unwrap().serve
}

/// The one who changes things in tests.
pub fn a_test() -> Actor {
    Actor::person("a test", None)
}

/// A MAC address from its text.
pub fn mac(text: &str) -> MacAddr {
    text.parse().unwrap()
}

impl TestApp {
    /// A fresh server.
    pub async fn start() -> Self {
        Self::plan().start().await
    }

    /// A fresh server with something special about it.
    pub fn plan() -> Plan {
        Plan { folder: tempfile::tempdir().unwrap(), arguments: Vec::new() }
    }

    /// Stops the server in order and starts it again on the same data.
    pub async fn restarted(self) -> Self {
        self.restarted_after(0).await
    }

    /// The same after so many seconds.
    pub async fn restarted_after(self, seconds: i64) -> Self {
        let now = self.app.now() + seconds;
        drop(self.stop);
        soon(self.task).await.unwrap();
        launch(self.folder, self.arguments, now).await
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The catalog folder.
    pub fn catalog(&self) -> PathBuf {
        self.folder.path().join("catalog")
    }

    /// The folder around data and catalog, which is nobody's business.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// The names of the files in a folder beneath the data folder.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.data().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// A platform that is about to be created, with what belongs to it.
    pub fn platform<'a>(&'a self, name: &'a str) -> PlatformPlan<'a> {
        PlatformPlan {
            app: self,
            name,
            admission: Admission::Approved,
            gzip: GzipPolicy::Auto,
            releases: Vec::new(),
            devices: Vec::new(),
        }
    }

    /// Publishes a firmware as this version of this platform, whatever else is there.
    pub async fn release(&self, platform: &str, version: &str, firmware: Firmware) -> Released {
        self.release_bytes(platform, version, firmware.build()).await
    }

    /// The same with a file as it is.
    pub async fn release_bytes(&self, platform: &str, version: &str, bytes: Vec<u8>) -> Released {
        let name =
            if bytes.starts_with(&[0x1F, 0x8B]) { "firmware.bin.gz" } else { "firmware.bin" };
        let wishes = Wishes {
            platform: Some(platform.to_owned()),
            version: Some(version.to_owned()),
            accept: ACCEPTED.map(str::to_owned).to_vec(),
            publish: true,
            ..Wishes::default()
        };
        match self.upload(name, &bytes, &wishes).await {
            Ok(Uploaded::Published(release, _)) => Released { release: *release, bytes },
            other => panic!("{platform} {version} was not published: {other:?}"),
        }
    }

    /// Publishes a firmware as this version of this platform by a rollout.
    pub async fn roll_out(&self, platform: &str, version: &str, wish: PlanWish) -> Released {
        let bytes = Firmware::esp8266().of(platform, version).build();
        let wishes = Wishes {
            platform: Some(platform.to_owned()),
            version: Some(version.to_owned()),
            accept: ACCEPTED.map(str::to_owned).to_vec(),
            publish: true,
            plan: Some(wish),
            ..Wishes::default()
        };
        match self.upload("firmware.bin", &bytes, &wishes).await {
            Ok(Uploaded::Published(release, _)) => Released { release: *release, bytes },
            other => panic!("{platform} {version} was not published: {other:?}"),
        }
    }

    /// Uploads a firmware as a draft of this version; answers its number.
    pub async fn draft(&self, platform: &str, version: &str) -> i64 {
        let bytes = Firmware::esp8266().of(platform, version).build();
        let wishes = Wishes {
            platform: Some(platform.to_owned()),
            version: Some(version.to_owned()),
            keep_on_questions: true,
            ..Wishes::default()
        };
        match self.upload("firmware.bin", &bytes, &wishes).await {
            Ok(Uploaded::Draft(release, _)) => release.id,
            other => panic!("{platform} {version} is no draft: {other:?}"),
        }
    }

    /// Publishes a draft by a rollout.
    pub async fn publish_by(&self, draft: i64, wish: PlanWish) {
        let accept = ACCEPTED.map(str::to_owned).to_vec();
        let wishes = Wishes { plan: Some(wish), accept, ..Wishes::default() };
        self.app.publish_draft(draft, &wishes, &a_test()).await.unwrap();
    }

    /// The rollout of a release, with what became of it.
    pub async fn rollout(&self, released: &Released) -> RolloutStatus {
        let all = self.app.store().rollouts(false, Some(released.id())).await.unwrap();
        let latest = all.first().expect("there is a rollout").id;
        self.app.rollout_status(latest).await.unwrap()
    }

    /// Lets all rollouts go on that can.
    pub async fn watch(&self) {
        self.app.watch_rollouts(true).await.unwrap();
    }

    /// Receives a file.
    pub async fn receive(&self, name: &str, bytes: &[u8]) -> Result<Accepted, Error> {
        let mut receiving = self.app.receive(name).await?;
        for chunk in bytes.chunks(64 * 1024) {
            receiving.write(chunk).await?;
        }
        receiving.finish().await
    }

    /// Uploads a file.
    pub async fn upload(
        &self,
        name: &str,
        bytes: &[u8],
        wishes: &Wishes,
    ) -> Result<Uploaded, Error> {
        let accepted = self.receive(name, bytes).await?;
        self.app.accept(accepted, wishes, &a_test()).await
    }

    /// Takes a release back.
    pub async fn withdraw(&self, released: &Released) {
        let state = Some(ReleaseState::Withdrawn);
        let change = ReleaseChange { state, ..ReleaseChange::default() };
        self.app.change_release(released.id(), &change, &a_test()).await.unwrap();
    }

    /// Puts a device on a platform's whitelist.
    pub async fn approve(&self, mac: &str, platform: &str) {
        let new = NewApproval { mac: mac.to_owned(), take_over: true, ..NewApproval::default() };
        self.app.whitelist(platform, &new, &a_test()).await.unwrap();
    }

    /// Gives a device another standing.
    pub async fn set_aside(&self, device: &str, approval: Approval) {
        let change = DeviceChange { approval: Some(approval), ..DeviceChange::default() };
        self.app.change_device(mac(device), &change, &a_test()).await.unwrap();
    }

    /// What is recorded of a device.
    pub async fn device(&self, device: &str) -> Option<Device> {
        self.app.flush().await.unwrap();
        self.app.store().device(mac(device)).await.unwrap()
    }

    /// The latest attempts of a device, newest first.
    pub async fn attempts(&self, device: &str) -> Vec<Attempt> {
        let device = self.device(device).await.expect("the device is recorded");
        self.app.store().attempts(device.id, 100).await.unwrap()
    }

    /// Waits until the latest attempt of a device stands so.
    pub async fn until_attempt(&self, device: &str, state: AttemptState) {
        let what = format!("{device} is {}", state.word());
        eventually(&what, async || {
            let attempts = self.attempts(device).await;
            attempts.first().filter(|attempt| attempt.state == state).map(|_| ())
        })
        .await;
    }

    /// Waits until the latest transfer to a device has ended, whole or not.
    pub async fn until_downloaded(&self, device: &str) {
        eventually("the transfer has ended", async || {
            let attempts = self.attempts(device).await;
            attempts.first().filter(|attempt| attempt.ended_at.is_some()).map(|_| ())
        })
        .await;
    }

    /// The decision about a device, by its code.
    pub fn decision(&self, device: &str) -> &'static str {
        self.app.explain(mac(device)).expect("it asked").decision.code()
    }

    /// Changes a device as a person.
    pub async fn teach(&self, device: &str, change: DeviceChange) {
        self.app.change_device(mac(device), &change, &a_test()).await.unwrap();
    }

    /// Changes a platform as a person.
    pub async fn change_platform(&self, name: &str, change: PlatformChange) {
        self.app.change_platform(name, &change, &a_test()).await.unwrap();
    }

    /// Lets the devices of a platform share a secret, which is made or typed; demanded or not.
    pub async fn shares_secret(&self, platform: &str, typed: Option<&str>, demand: bool) -> String {
        let proof = Some(ProofKind::Shared);
        self.change_platform(platform, PlatformChange { proof, ..Default::default() }).await;
        let made = self.app.make_platform_secret(platform, typed, &a_test()).await.unwrap();
        self.demand_secret(platform, demand).await;
        made.expose().to_owned()
    }

    /// Demands the secret of a platform's devices, or only accepts it.
    pub async fn demand_secret(&self, platform: &str, demand: bool) {
        let proof_demanded = Some(demand);
        let change = PlatformChange { proof_demanded, ..PlatformChange::default() };
        self.change_platform(platform, change).await;
    }

    /// The counters of a release.
    pub async fn counters(&self, released: &Released) -> Counters {
        self.app.store().release(released.id()).await.unwrap().unwrap().counters
    }

    /// All events so far, newest first.
    pub async fn events(&self) -> Vec<Event> {
        self.app.flush().await.unwrap();
        let filter = EventFilter { limit: 10_000, ..EventFilter::default() };
        self.app.store().events(&filter).await.unwrap()
    }

    /// The sentences of all events of this kind so far, newest first.
    pub async fn told(&self, kind: Kind) -> Vec<String> {
        let events = self.events().await.into_iter().filter(|event| event.kind == kind);
        events.map(|event| event.text).collect()
    }

    /// Waits for an event of this kind.
    pub async fn until_told(&self, kind: Kind) -> Event {
        eventually(kind.word(), async || {
            self.events().await.into_iter().find(|event| event.kind == kind)
        })
        .await
    }
}

/// A platform that is about to be created, with what belongs to it.
#[derive(Debug)]
pub struct PlatformPlan<'a> {
    app: &'a TestApp,
    name: &'a str,
    admission: Admission,
    gzip: GzipPolicy,
    releases: Vec<(String, Firmware)>,
    devices: Vec<String>,
}

impl PlatformPlan<'_> {
    /// Open to any device.
    pub fn open(mut self) -> Self {
        self.admission = Admission::Any;
        self
    }

    /// Without compressed images, which come as soon as they are ready.
    pub fn without_gzip(mut self) -> Self {
        self.gzip = GzipPolicy::Off;
        self
    }

    /// With a small firmware for the ESP8266 published as this version.
    pub fn released(self, version: &str) -> Self {
        let firmware = Firmware::esp8266().of(self.name, version);
        self.releasing(version, firmware)
    }

    /// With this firmware published as this version.
    pub fn releasing(mut self, version: &str, firmware: Firmware) -> Self {
        self.releases.push((version.to_owned(), firmware));
        self
    }

    /// With this device on its whitelist.
    pub fn approving(mut self, mac: &str) -> Self {
        self.devices.push(mac.to_owned());
        self
    }

    async fn create(self) -> Vec<Released> {
        self.app.app.create_platform(self.name, "", self.admission, &a_test()).await.unwrap();
        let change = PlatformChange { gzip: Some(self.gzip), ..PlatformChange::default() };
        self.app.change_platform(self.name, change).await;
        let mut released = Vec::new();
        for (version, firmware) in self.releases {
            released.push(self.app.release(self.name, &version, firmware).await);
        }
        for device in &self.devices {
            self.app.approve(device, self.name).await;
        }
        released
    }
}

impl<'a> IntoFuture for PlatformPlan<'a> {
    type Output = Vec<Released>;
    type IntoFuture = Pin<Box<dyn Future<Output = Vec<Released>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.create())
    }
}
