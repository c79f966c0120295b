//! What happens: platforms, a first release, a fleet that runs it, and a second release.

pub mod rollout;

use std::sync::Arc;
use std::time::Instant;

use espalier::clock::{Clock, FakeClock, SystemClock};
use espalier::domain::Timestamp;
use espalier::domain::chip::Chip;
use serde_json::json;
use tokio::task::JoinSet;

use super::Fault;
use super::api::{Address, Api};
use super::behaviour::Behaviour;
use super::checks;
use super::course::Track;
use super::device::{Breed, Device};
use super::driver::{Driver, Setting, Time};
use super::host::Host;
use super::library::Build;
use super::options::Options;
use super::random::Random;
use super::report::{Report, Run};
use super::watch::Restarts;
use rollout::{Rollout, publish};

/// When virtual time begins: the first of January 2026.
const BEGIN: Timestamp = 1_767_225_600;
/// The platforms and their chips.
const PLATFORMS: [(&str, Chip); 3] =
    [("fleet-meter", Chip::Esp32), ("fleet-lamp", Chip::Esp8266), ("fleet-door", Chip::Esp32C3)];
/// The two releases.
const VERSIONS: [&str; 2] = ["v1.0.0", "v1.1.0"];

/// Runs a fleet from its first check-in to the report.
///
/// # Errors
/// Where the run itself fails; broken promises are in the report.
pub async fn run(options: &Options, tell: &mut impl FnMut(&str)) -> Result<Report, Fault> {
    let began = Instant::now();
    let folder = tempfile::tempdir();
    let what = "no folder for the data";
    let folder = folder.map_err(|source| Fault::Io { what, source })?;
    let data = options.data.clone().unwrap_or_else(|| folder.path().to_owned());
    let mut driver = start(options, &data).await?;
    let first = driver.now();
    tell(&format!("the server is http://{}", driver.api.address.get()));
    prepare(&mut driver, options).await?;
    tell(&format!(
        "{} devices on {} platforms are approved after {:.1} s",
        driver.devices.len(),
        driver.names.len(),
        began.elapsed().as_secs_f64()
    ));
    driver.run(first + options.before.0, false).await?;
    tell(&progress(&driver, first, began));
    let published = driver.now();
    for device in &mut driver.devices {
        device.log.answered_before = device.log.answered;
    }
    driver.course.begins(published);
    driver.course.is_bad = options.breaks > 0;
    driver.course.restarts = options.restart_every.is_some();
    release(&mut driver, 1, options).await?;
    let end = published + options.horizon();
    while driver.now() < end {
        let before = driver.now();
        let next = end.min(before + 12 * 3_600);
        driver.run(next, true).await?;
        tell(&progress(&driver, first, began));
        if driver.now() < next {
            break;
        }
    }
    let asked = driver.now();
    for device in &mut driver.devices {
        device.log.answered_by_itself = device.log.answered;
        device.log.before_all = device.log.last;
    }
    let compared = driver.compare_all().await?;
    let standings = driver.course.standings(&driver.api).await?;
    flush(&mut driver).await?;
    driver.course.remembers(&standings, &driver.api).await?;
    driver.course.observe(&driver.api, &driver.devices, driver.now(), true).await?;
    let seen = driver.api.devices().await?;
    let (ended, wall) = (driver.now(), began.elapsed());
    let run = Run { first, published, asked, ended, compared, wall };
    let report = checks::report(&driver, &seen, options, &run);
    if let Some(mut host) = driver.host.take() {
        host.stop().await;
    }
    Ok(report)
}

fn progress(driver: &Driver, first: Timestamp, began: Instant) -> String {
    let (hours, seconds) = ((driver.now() - first) / 3_600, began.elapsed().as_secs_f64());
    format!("hour {hours}: {} check-ins after {seconds:.1} s", driver.polls)
}

/// The server, or the way to one.
async fn start(options: &Options, data: &std::path::Path) -> Result<Driver, Fault> {
    let token = options.token.as_deref().map(Arc::from);
    let random = Random::of(options.seed, u64::MAX);
    let (connections, check) = (options.connections, options.check);
    if let Some(url) = &options.server {
        let address = resolve(url).await?;
        let api = Api { address: Address::new(address), token };
        let setting = Setting { api, host: None, time: Time::Real, now: SystemClock.now(), random };
        return Ok(Driver::new(setting, connections, check));
    }
    let clock = Arc::new(FakeClock::at(BEGIN));
    let host = Host::start(data, Arc::clone(&clock)).await?;
    let api = Api { address: host.address(), token };
    let pace = options.speed.map(|speed| (tokio::time::Instant::now(), BEGIN, speed));
    let time = Time::Virtual { clock, pace };
    let setting = Setting { api, host: Some(host), time, now: BEGIN, random };
    let mut driver = Driver::new(setting, connections, check);
    let every = options.restart_every.clone();
    driver.restarts = every.map(|every| Restarts::new(every.0, BEGIN, options.seed));
    Ok(driver)
}

async fn resolve(url: &str) -> Result<std::net::SocketAddr, Fault> {
    let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let host = host.ok_or(Fault::Options("expected a server like http://192.168.1.10:8000"))?;
    let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let what = "the server's name is not known";
    let mut found = tokio::net::lookup_host(host.as_str())
        .await
        .map_err(|source| Fault::Io { what, source })?;
    found
        .find(std::net::SocketAddr::is_ipv4)
        .ok_or(Fault::Options("the server has no IPv4 address"))
}

/// Platforms, the first release, and devices that are allowed to ask.
async fn prepare(driver: &mut Driver, options: &Options) -> Result<(), Fault> {
    let platforms = &PLATFORMS[..usize::from(options.platforms)];
    for (name, _) in platforms {
        driver.api.put("POST", "/api/v1/platforms", &json!({"name": name})).await?;
        driver.names.push((*name).to_owned());
    }
    for version in VERSIONS {
        for (platform, (name, chip)) in platforms.iter().enumerate() {
            let kib = usize::from(options.image_kib);
            driver.library.0.push(Build::new(platform, name, version, *chip, kib));
        }
    }
    let first = Options { breaks: 0, rollout: Rollout::AllAtOnce, ..options.clone() };
    release(driver, 0, &first).await?;
    let mut random = Random::of(options.seed, u64::MAX - 2);
    let fastest = 60 * i64::from(options.fastest);
    let breed = Breed { seed: options.seed, mix: options.mix.clone(), fastest };
    let devices = (0..options.devices).map(|number| {
        let platform = random.pick(&[0, 1, 2][..platforms.len()]).unwrap_or(0);
        Device::new(number, &breed, &driver.library, platform)
    });
    let devices: Vec<Device> = devices.collect();
    let api = &driver.api;
    let mut tasks = JoinSet::new();
    for device in devices.iter().filter(|device| device.behaviour != Behaviour::Stranger) {
        let name = driver.names.get(device.platform).cloned().unwrap_or_default();
        let (api, mac) = (api.clone(), device.mac.to_string());
        if tasks.len() >= 32
            && let Some(Ok(approved)) = tasks.join_next().await
        {
            approved?;
        }
        tasks.spawn(async move {
            let path = format!("/api/v1/platforms/{name}/devices");
            api.put("POST", &path, &json!({"mac": mac})).await.map(|_| ())
        });
    }
    let approved: Result<Vec<()>, Fault> = tasks.join_all().await.into_iter().collect();
    approved?;
    driver.add(devices);
    Ok(())
}

/// Uploads a version for every platform, asks what would come of it, and publishes it.
async fn release(driver: &mut Driver, version: usize, options: &Options) -> Result<(), Fault> {
    let version = VERSIONS[version];
    let builds = driver.library.0.iter().enumerate();
    let builds: Vec<usize> =
        builds.filter(|(_, build)| build.version == version).map(|(number, _)| number).collect();
    for number in builds {
        let build = &mut driver.library.0[number];
        build.breaks = options.breaks;
        let (platform, chip) = (build.platform, build.chip);
        let name = driver.names.get(platform).map(String::as_str).unwrap_or_default();
        let id = driver.api.upload(name, version, &build.bytes).await?;
        build.release = id;
        let (canaries, devices) = canaries(driver, platform, options);
        let wish = options.rollout.wish(&canaries);
        if !driver.devices.is_empty() {
            let mut supposed = json!({"platform": name, "version": version, "limit": 0});
            if let Some(wish) = &wish {
                supposed["rollout"] = wish.clone();
            }
            let dry_run = driver.api.dry_run(id, &supposed).await?;
            driver.forecast.remember(dry_run, platform, &driver.devices);
        }
        if let Some(rollout) = publish(&driver.api, id, wish.as_ref()).await? {
            let canaries = u32::try_from(canaries.len()).unwrap_or(u32::MAX);
            driver.course.tracks.push(Track::new(rollout, platform, number, canaries, devices));
        }
        if chip == Chip::Esp8266 {
            driver.api.packed(id).await?;
        }
        let fleet = (&*driver.devices, &driver.library);
        driver.forecast.compare(&driver.api, fleet, (number, wish.is_some())).await?;
    }
    Ok(())
}

/// The canaries of a platform, drawn from the approved devices that have asked by now; and how
/// many approved devices there are.
fn canaries(driver: &Driver, platform: usize, options: &Options) -> (Vec<String>, u32) {
    let own =
        |device: &&Device| device.platform == platform && device.behaviour != Behaviour::Stranger;
    let approved: Vec<&Device> = driver.devices.iter().filter(own).collect();
    let mut live: Vec<&Device> =
        approved.iter().copied().filter(|device| device.log.last.is_some()).collect();
    let thing = u64::MAX - 3 - u64::try_from(platform).unwrap_or(0);
    let mut random = Random::of(options.seed, thing);
    let mut drawn = Vec::new();
    for _ in 0..options.rollout.canaries() {
        let count = u64::try_from(live.len()).unwrap_or(0);
        if count > 0 {
            let index = usize::try_from(random.below(count)).unwrap_or(0);
            drawn.push(live.swap_remove(index).mac.to_string());
        }
    }
    (drawn, u32::try_from(approved.len()).unwrap_or(u32::MAX))
}

/// What is written behind the answers is written when the server stops; elsewhere after a second.
async fn flush(driver: &mut Driver) -> Result<(), Fault> {
    let Some(host) = &mut driver.host else {
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        return Ok(());
    };
    host.restart().await
}
