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
    let told = &report.dry_run;
    let never = told.prospects.get("never_asked").copied().unwrap_or_default();
    assert_eq!((told.named, told.decided), (250, 250 - never), "{}", report.table());
    let arrivals = report.arrivals.as_ref().unwrap();
    let others: u64 = arrivals.others.values().sum();
    assert_eq!(arrivals.confirmed + others, 250, "{}", report.table());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_with_canaries_reaches_only_them_and_halts_by_itself() {
    let report = fleet(
        "--devices 200 --platforms 1 --fastest 15 --image-kib 16 --breaks 30 --rollout canaries:5",
    )
    .await;
    let rollout = &report.rollouts[0];
    assert_eq!((rollout.state.as_str(), rollout.halts.len()), ("halted", 1), "{}", report.table());
    let halt = &rollout.halts[0];
    assert_eq!(halt.stage, "1 of 2 (canaries)");
    assert!(halt.reached <= 5 && halt.failed == 1, "{}", report.table());
    assert_eq!(rollout.reached, halt.reached, "nobody gets it after that");
    assert!(report.dry_run.agreed > 150, "{}", report.table());
}

// The devices of this seed's first stage survive the release.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_that_the_first_devices_survive_halts_in_the_next_stage() {
    for (line, stage) in [
        ("--seed 8 --rollout canaries:2", "2 of 2 (everyone)"),
        ("--seed 1 --before 24 --rollout stages:1%,10%,50%", "2 of 4 (10%)"),
    ] {
        let report = fleet(&format!(
            "--devices 300 --platforms 1 --fastest 15 --image-kib 16 --breaks 30 --connections 1 \
             {line}"
        ))
        .await;
        let rollout = &report.rollouts[0];
        assert_eq!(rollout.state, "halted", "{}", report.table());
        let halt = &rollout.halts[0];
        assert_eq!(halt.stage, stage, "{}", report.table());
        assert!(halt.reached <= halt.bound && halt.bound < 60, "{}", report.table());
        assert_eq!(rollout.reached, halt.reached, "nobody gets it after that");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_release_by_stages_reaches_everybody_whatever_restarts_there_are() {
    let report = fleet(
        "--devices 100 --platforms 1 --fastest 60 --image-kib 16 --rollout stages:10%,50% \
         --mix sleeper:8,weak:6,power-cut:6,parallel:2,wrong-chip:3,stranger:1 \
         --restart-every 100..400",
    )
    .await;
    assert!(report.restarts >= 10 && report.restarts_amidst > 0, "{}", report.table());
    let rollout = &report.rollouts[0];
    assert_eq!((rollout.state.as_str(), rollout.words), ("finished", 0), "{}", report.table());
    assert!(rollout.confirmed > 85, "{}", report.table());
    assert!(report.dry_run.agreed > 80, "{}", report.table());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_after_which_devices_call_themselves_otherwise_halts_by_itself_too() {
    for kind in ["babbler", "mute"] {
        let report = fleet(&format!(
            "--devices 150 --platforms 1 --fastest 15 --image-kib 16 --breaks 1 \
             --rollout stages:10%,50% --mix {kind}:95"
        ))
        .await;
        let rollout = &report.rollouts[0];
        assert_eq!(rollout.state, "halted", "{kind}\n{}", report.table());
        let halt = &rollout.halts[0];
        assert!(halt.failed >= 2 && halt.reached <= halt.bound, "{kind}\n{}", report.table());
        assert_eq!(rollout.reached, halt.reached, "nobody gets it after that");
        let bad = report.releases.last().unwrap();
        assert!(bad.most_of_one <= 3, "{kind}\n{}", report.table());
    }
}
