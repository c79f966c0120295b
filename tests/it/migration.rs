//! A data folder of an earlier version: its images get their digests at the start.

use std::path::{Path, PathBuf};

use espalier::domain::chip::Chip;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use crate::support::{Board, CHASE, Came, FakeDevice, Firmware, SKYE, TestApp, image};

/// The migrations of the version before images had digests.
fn earlier_migrations(folder: &Path) -> PathBuf {
    let earlier = folder.join("migrations");
    std::fs::create_dir_all(&earlier).unwrap();
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    for entry in std::fs::read_dir(all).unwrap() {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path())).unwrap();
        if name.to_str().unwrap() < "0006" {
            std::fs::copy(path, earlier.join(name)).unwrap();
        }
    }
    earlier
}

/// A data folder as the version before left it, with these releases on one platform.
async fn earlier(data: &Path, releases: &[(&str, Chip, &[u8])]) {
    std::fs::create_dir_all(data.join("firmware")).unwrap();
    let file = SqliteConnectOptions::new().filename(data.join("espalier.db"));
    let database = SqlitePool::connect_with(file.create_if_missing(true)).await.unwrap();
    let migrations = Migrator::new(earlier_migrations(data)).await.unwrap();
    migrations.run(&database).await.unwrap();
    let platform = "INSERT INTO platforms (name, key, created_at) VALUES ('door', 'door', 1)";
    sqlx::query(platform).execute(&database).await.unwrap();
    for (number, (version, chip, bytes)) in (1_i64..).zip(releases) {
        let sha256 = image::sha256(bytes);
        std::fs::write(data.join("firmware").join(format!("{sha256}.bin")), bytes).unwrap();
        sqlx::query(
            "INSERT INTO releases (id, platform_id, version, version_key, state, created_at,
                                   published_at)
             VALUES ($1, 1, $2, $3, 'published', 1, 1)",
        )
        .bind(number)
        .bind(*version)
        .bind(espalier::domain::version::FirmwareVersion::read(version).key())
        .execute(&database)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO images (release_id, sha256, md5, size, chip, chip_certain, file_name)
             VALUES ($1, $2, $3, $4, $5, 1, 'firmware.bin')",
        )
        .bind(number)
        .bind(sha256)
        .bind(image::md5(bytes))
        .bind(i64::try_from(bytes.len()).unwrap())
        .bind(chip.slug())
        .execute(&database)
        .await
        .unwrap();
    }
    database.close().await;
}

#[tokio::test]
async fn images_of_an_earlier_version_are_known_by_all_their_digests() {
    let plan = TestApp::plan();
    let esp8266 = |version| Firmware::esp8266().of("door", version).hollow(0x4000);
    let [old, new] = ["v1.0.0", "v1.1.0"].map(|version| esp8266(version).signed().build());
    let esp32 = Firmware::esp32().of("door", "v1.2.0").signed().build();
    let lost = [0xE9; 100];
    earlier(
        &plan.data(),
        &[
            ("v1.0.0", Chip::Esp8266, &old),
            ("v1.1.0", Chip::Esp8266, &new),
            ("v1.2.0", Chip::Esp32, &esp32),
            ("v0.9.0", Chip::Esp8266, &lost),
        ],
    )
    .await;
    let gone = plan.data().join("firmware").join(format!("{}.bin", image::sha256(&lost)));
    std::fs::remove_file(gone).unwrap();

    let app = plan.start().await;
    for device in [CHASE, SKYE] {
        app.approve(device, "door").await;
    }
    let mut board = Board::esp8266(CHASE, &esp8266("v1.0.0").build()).wired(0).silent();
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert_eq!(board.updates(&app).await, Came::NoUpdate);
    assert_eq!(app.decision(CHASE), "identical");
    assert!(app.device(CHASE).await.unwrap().learnt.ran_signed);
    let runs = Board::of(Chip::Esp32, SKYE, &Firmware::esp32().of("door", "v1.2.0").build());
    runs.silent().device().asks(&app, "/update?dev=door").await.is_not_modified();
    assert_eq!(app.decision(SKYE), "identical");

    // Once is enough, and the next start knows it too.
    let app = app.restarted().await;
    let device = board.device();
    device.asks(&app, "/update?dev=door").await.is_not_modified();
}

#[tokio::test]
async fn images_of_an_earlier_version_are_compressed() {
    let plan = TestApp::plan();
    let [old, new] = ["v1.0.0", "v1.1.0"]
        .map(|version| Firmware::esp8266().of("door", version).hollow(0x4000).build());
    earlier(&plan.data(), &[("v1.0.0", Chip::Esp8266, &old), ("v1.1.0", Chip::Esp8266, &new)])
        .await;
    let app = plan.start().await;
    app.approve(CHASE, "door").await;
    app.app.pack_wanted().await.unwrap();
    let mut board = Board::esp8266(CHASE, &old);
    assert_eq!(board.updates(&app).await, Came::Installed);
    assert!(app.attempts(CHASE).await[0].packed && board.program() == new);
    let unknown = FakeDevice::esp8266(CHASE).reporting("v1.0.0");
    unknown.asks(&app, "/door_1_1_0.bin").await.is_firmware(&new);
}
