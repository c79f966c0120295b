//! A small fleet against the real server, over sockets: the simulator of `examples/fleet`, with its
//! own tests.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[path = "../examples/fleet/sim/mod.rs"]
mod sim;

use clap::Parser;
use sim::{Options, Report};

/// Runs a fleet; the report, which tells everything where it fails.
async fn fleet(line: &str) -> Report {
    let options = Options::parse_from(format!("fleet {line}").split_whitespace());
    let report = sim::run(&options, &mut |_| {}).await.unwrap();
    assert!(report.holds(), "fleet {line}\n{}\n{}", report.table(), report.json());
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_reaches_every_device_that_asks_and_can_take_it() {
    let report =
        fleet("--devices 250 --hours 156 --fastest 30 --image-kib 64 --restart-every 1000..2400")
            .await;
    assert!(report.restarts >= 3 && report.polls > 10_000, "{}", report.table());
    assert!(report.compared_at_the_end > 200, "{}", report.table());
    let good = report.releases.last().unwrap();
    assert_eq!((good.version.as_str(), good.most_of_one), ("v1.1.0", 3));
    assert!(good.returned > 180, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_breaks_devices_is_downloaded_no_more_than_the_limit_allows() {
    let report = fleet(
        "--devices 60 --seed 2 --hours 24 --fastest 20 --breaks 60 --image-kib 64 --check 100",
    )
    .await;
    let bad = report.releases.last().unwrap();
    assert!(bad.most_of_one <= 3 && bad.returned < bad.reached, "{}", report.table());
}
