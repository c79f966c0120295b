//! Migrations on filled tables: after each one its sample data is put in, so that every later one
//! meets rows. In the end the program reads all of it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::PathBuf;

use espalier::domain::chip::Chip;
use espalier::domain::device::{Approval, AttemptState};
use espalier::domain::learnt::{ChipFrom, GzipTried};
use espalier::domain::pairing::Rule;
use espalier::domain::policy::{self, Channel};
use espalier::domain::proof::LastShown;
use espalier::domain::release::{Part, ReleaseState};
use espalier::domain::rollout::{Member, State};
use espalier::store::{AuditFilter, DeviceFilter, EventFilter, ReleaseFilter, Store};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

static MIGRATIONS: Migrator = sqlx::migrate!();

fn sample(description: &str, version: i64) -> PathBuf {
    let name = format!("{version:04}_{}.sql", description.replace(' ', "_"));
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/migrations").join(name)
}

async fn connect(file: &std::path::Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.foreign_keys(true).connect().await.unwrap()
}

/// Applies every migration and puts its sample data in behind it.
async fn filled(file: &std::path::Path) {
    let mut database = connect(file).await;
    for migration in MIGRATIONS.iter() {
        MIGRATIONS.run_to(migration.version, &mut database).await.unwrap();
        let path = sample(&migration.description, migration.version);
        let text = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} has no sample data: {error}", path.display()));
        let put_in = sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(&mut database).await;
        put_in.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    database.close().await.unwrap();
}

#[test]
fn migrations_are_numbered_without_gaps_and_each_has_sample_data() {
    let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    let last = versions.iter().copied().max().unwrap();
    assert_eq!(versions, (1..=last).collect::<Vec<_>>());
    for migration in MIGRATIONS.iter() {
        let path = sample(&migration.description, migration.version);
        assert!(path.exists(), "{} is missing", path.display());
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/migrations");
    let samples = fs::read_dir(folder).expect("there are samples").count();
    assert_eq!(samples, MIGRATIONS.iter().count(), "samples without a migration");
}

async fn pairing_is_read(store: &Store) {
    let pairing = store.server_pairing().await.unwrap();
    assert_eq!((pairing.rule, pairing.window), (Some(Rule::Closed), None));
    let own = store.platform_pairings().await.unwrap();
    assert_eq!(own[&1].window.map(|window| window.until), Some(1_700_000_900));
    assert_eq!(store.devices_put_back().await.unwrap()[&2], 1_700_000_100);
    assert_eq!(store.addresses_of_pending().await.unwrap()[&2].changes, 2);
}

async fn policies_are_read(store: &Store) {
    let device = &store.devices(&DeviceFilter::default()).await.unwrap()[0];
    assert_eq!((device.policy.channel, device.policy.pinned), (Channel::Beta, Some(2)));
    assert!(device.policy.updates_off);
    assert_eq!(device.groups, [1, 2]);
    let platform = &store.platforms().await.unwrap()[1];
    assert_eq!((platform.rule, platform.pinned), (policy::Rule::Different, Some(1)));
    assert_eq!(platform.quiet.unwrap().to_string(), "22:00-06:00");
    let groups = store.groups().await.unwrap();
    assert_eq!(groups[1].quiet.unwrap().to_string(), "17:00-23:00");
    let recalled = store.release(2).await.unwrap().unwrap();
    assert!(recalled.recalled && recalled.channel == Channel::Beta);
    let gating = store.rollouts(true, None).await.unwrap();
    assert_eq!(gating.len(), 1);
    assert_eq!((gating[0].state, gating[0].resumed_at), (State::Halted, Some(1_700_000_350)));
    assert_eq!((gating[0].canaries.as_slice(), gating[0].current()), (&[1][..], Some(1)));
    assert_eq!(store.rollouts(false, Some(1)).await.unwrap().len(), 2);
    let attempts = store.rollout_attempts(2).await.unwrap();
    assert_eq!(attempts.len(), 1);
    let members = store.rollout_members(2).await.unwrap();
    let members: Vec<_> = members.iter().map(|own| (own.device_id, own.member)).collect();
    assert_eq!(members, [(90, Member::Left), (91, Member::Failed)]);
}

#[tokio::test]
async fn every_migration_runs_on_filled_tables_and_the_program_reads_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("espalier.db");
    filled(&file).await;
    let store = Store::open(&file).await.unwrap();

    let platforms = store.platforms().await.unwrap();
    assert_eq!(platforms.len(), 2);
    assert_eq!(platforms[1].name.as_str(), "Chase");
    assert!(platforms[1].proof.is_demanded() && !platforms[0].proof.is_demanded());
    let secrets = store.platform_secrets().await.unwrap()[&platforms[1].id];
    assert_eq!((secrets.newest.unwrap().id, secrets.old.unwrap().id), (2, 1));
    assert_eq!(store.device_secrets().await.unwrap()[&2].newest.unwrap().id, 3);
    let releases = store.releases(&ReleaseFilter::default()).await.unwrap();
    let states: Vec<ReleaseState> = releases.iter().map(|release| release.state).collect();
    let all = [ReleaseState::Draft, ReleaseState::Withdrawn, ReleaseState::Published];
    assert_eq!(states, all);
    assert_eq!(releases[2].title(), "Chase v1.0.2");
    assert_eq!(releases[2].counters.downloads, 3);
    assert_eq!(releases[2].others[0].part, Part::FileSystem);
    assert!(releases[1].others[0].appended_sha256.is_some());
    assert_eq!(releases[1].image.packed.as_ref().unwrap().size, 280_000);
    assert_eq!(store.digests().await.unwrap().len(), 2);
    assert_eq!(store.images_to_index().await.unwrap().len(), 3, "what was there before");
    pairing_is_read(&store).await;
    policies_are_read(&store).await;
    let devices = store.devices(&DeviceFilter::default()).await.unwrap();
    let approvals: Vec<Approval> = devices.iter().map(|device| device.approval).collect();
    let all = [Approval::Approved, Approval::Pending, Approval::Blocked, Approval::Ignored];
    assert_eq!(approvals, all);
    assert_eq!(devices[0].checkins, 42);
    assert_eq!(devices[0].learnt.proof.secret, Some(1));
    assert_eq!(devices[1].learnt.proof.last, Some(LastShown::Missing));
    assert_eq!((devices[0].rhythm.every(), devices[1].rhythm.every()), (Some(3600), None));
    assert_eq!(store.device_hours(devices[0].id, 0).await.unwrap().len(), 2);
    let learnt = devices[1].learnt;
    assert_eq!(learnt.chip, Some((Chip::Esp32C3, ChipFrom::Told)));
    assert!(learnt.verifies && learnt.gzip == Some(GzipTried::Taken));
    assert_eq!(devices[0].report.as_ref().unwrap().version.as_deref(), Some("v1.0.1"));
    let attempts = store.attempts(devices[0].id, 10).await.unwrap();
    let states: Vec<AttemptState> = attempts.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states.len(), AttemptState::ALL.len(), "one in every state: {states:?}");
    assert_eq!(store.last_attempts().await.unwrap().len(), 1);
    let events = store.events(&EventFilter { limit: 100, ..EventFilter::default() }).await.unwrap();
    assert_eq!(events.len(), 3);
    let audit = store.audit(&AuditFilter::default()).await.unwrap();
    let kinds: Vec<_> = audit.iter().rev().map(|entry| entry.actor.kind().word()).collect();
    // The first one comes from the event log.
    assert_eq!(kinds, ["somebody", "person", "token", "machine", "command_line", "somebody"]);
    let (first, address) = (&audit[5], "192.168.1.5".parse().ok());
    assert_eq!(first.text, "somebody: Chase v1.0.2 was published.");
    assert_eq!((first.actor.address(), first.release_id), (address, Some(1)));
    assert_eq!(store.settings().await.unwrap()["retention_days"], "30");
    assert_eq!(store.checkins_per_hour(None, 0).await.unwrap().len(), 2);
    assert_eq!(store.field_days(1, 0).await.unwrap().len(), 2);
    assert_eq!(store.transfer_days(0).await.unwrap()[0].bytes, 801_000);
    assert_eq!(store.files_in_use().await.unwrap().len(), 6);

    // What hangs together goes together.
    store.delete_platform(&platforms[1]).await.unwrap();
    assert_eq!(store.releases(&ReleaseFilter::default()).await.unwrap().len(), 1);
    let devices = store.devices(&DeviceFilter::default()).await.unwrap();
    assert_eq!(devices.len(), 4, "devices outlive their platform");
    assert!(store.platform_secrets().await.unwrap().is_empty(), "secrets do not");
    store.close().await;
}

#[tokio::test]
async fn a_database_that_is_up_to_date_is_opened_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("espalier.db");
    for _ in 0..2 {
        let store = Store::open(&file).await.unwrap();
        assert!(store.platforms().await.unwrap().is_empty());
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("espalier.db");
    filled(&file).await;
    let mut database = connect(&file).await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    sqlx::raw_sql(newer).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    assert!(Store::open(&file).await.is_err());
}
