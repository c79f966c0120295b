//! Rollouts end to end: canaries, stages, the stop that nobody has to press, restarts in between.

use espalier::app::{PlanWish, PolicyChange, ReleaseChange, Supposed};
use espalier::domain::device::AttemptState;
use espalier::domain::event::Kind;
use espalier::domain::policy::Channel;
use espalier::domain::release::ReleaseState;
use espalier::domain::rollout::{Command, Member, StageState, State};

use crate::support::{Client, FakeDevice, Released, TestApp, a_test, exchange, mac};

const OLD: &str = "v1.0.1";
const NEW: &str = "v1.0.2";
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Devices of one platform that all run v1.0.1.
struct Fleet {
    app: TestApp,
    macs: Vec<String>,
}

impl Fleet {
    async fn of(count: usize) -> Self {
        let app = TestApp::start().await;
        app.platform("chase").without_gzip().released(OLD).await;
        let macs: Vec<String> =
            (0..count).map(|n| format!("18:FE:34:00:{:02X}:{:02X}", n / 256, n % 256)).collect();
        let fleet = Self { app, macs };
        for mac in &fleet.macs {
            fleet.app.approve(mac, "chase").await;
        }
        for index in 0..count {
            assert_eq!(fleet.asks(index, OLD).await, 304);
        }
        fleet
    }

    async fn restarted(self) -> Self {
        Self { app: self.app.restarted().await, ..self }
    }

    /// One check-in; answers the status.
    async fn asks(&self, index: usize, version: &str) -> u16 {
        let device = FakeDevice::esp8266(&self.macs[index]);
        device.asks(&self.app, &format!("/update?dev=chase&ver={version}")).await.status
    }

    /// One check-in with the old version, and why it came to what it came to.
    async fn gets(&self, index: usize) -> &'static str {
        match self.asks(index, OLD).await {
            200 => {
                self.app.until_attempt(&self.macs[index], AttemptState::Delivered).await;
                "offer"
            }
            _ => self.app.decision(&self.macs[index]),
        }
    }

    /// Takes the new version and comes back with it.
    async fn updates(&self, index: usize) {
        assert_eq!(self.gets(index).await, "offer", "device {index}");
        self.app.clock.advance(38);
        assert_eq!(self.asks(index, NEW).await, 304);
        self.app.until_attempt(&self.macs[index], AttemptState::Confirmed).await;
    }

    /// Takes the new version and comes back without it.
    async fn fails(&self, index: usize) {
        assert_eq!(self.gets(index).await, "offer", "device {index}");
        self.app.clock.advance(38);
        self.asks(index, OLD).await;
        self.app.until_attempt(&self.macs[index], AttemptState::NotTaken).await;
    }

    /// Takes the new version, comes back without it, and takes it once more.
    async fn fails_twice(&self, index: usize) {
        for _ in 0..2 {
            assert_eq!(self.gets(index).await, "offer", "device {index}");
            self.app.clock.advance(38);
        }
    }

    async fn rolls_out(&self, wish: PlanWish) -> Released {
        self.app.roll_out("chase", NEW, wish).await
    }

    async fn tells(&self, released: &Released, command: Command) {
        let id = self.app.rollout(released).await.rollout.id;
        self.app.app.tell_rollout(id, command, &a_test()).await.unwrap();
    }

    async fn state(&self, released: &Released) -> State {
        self.app.rollout(released).await.rollout.state
    }

    /// The numbers, from 1, and the state of the stage of the moment.
    async fn stage(&self, released: &Released) -> (usize, StageState) {
        let rollout = self.app.rollout(released).await.rollout;
        let index = rollout.current().expect("a stage is open");
        (index + 1, rollout.stages[index].state)
    }
}

fn stages(text: &str) -> PlanWish {
    PlanWish { stages: text.to_owned(), ..PlanWish::default() }
}

fn canary(fleet: &Fleet, index: usize) -> PlanWish {
    PlanWish { canaries: vec![fleet.macs[index].clone()], ..stages("canaries") }
}

#[tokio::test]
async fn a_rollout_that_failed_needs_you_and_its_device_is_not_on_its_way() {
    let fleet = Fleet::of(1).await;
    let page = async |path: &str| {
        let request = format!("GET {path} HTTP/1.0\r\nAccept: text/html\r\n\r\n");
        exchange(fleet.app.address, request.as_bytes()).await.text()
    };
    assert!(page("/").await.contains("Nothing needs you right now."));
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.fails(0).await;
    assert_eq!(fleet.state(&released).await, State::Halted);
    fleet.app.app.flush().await.unwrap();
    let dashboard = page("/").await;
    for words in ["1 thing needs you.", "Rollouts <span class=\"count\">1", "1 not taken"] {
        assert!(dashboard.contains(words), "no {words}: {dashboard}");
    }
    assert!(!dashboard.contains("on the way"), "{dashboard}");
    let device = page(&format!("/devices/{}", mac(&fleet.macs[0]).hex())).await;
    assert!(device.contains("was halted: it failed on one device or more"), "{device}");
    assert_eq!(device.matches("this decides").count(), 1, "{device}");
    assert!(!device.contains("error decoder"), "a 304 is no error: {device}");
}

#[tokio::test]
async fn canaries_come_first_are_watched_and_then_everyone_gets_it() {
    let fleet = Fleet::of(6).await;
    let released = fleet.rolls_out(canary(&fleet, 2)).await;
    for index in [0, 1, 3] {
        assert_eq!(fleet.gets(index).await, "rollout_waiting");
    }
    fleet.updates(2).await;
    fleet.app.watch().await;
    // It is confirmed, but one wants to see that it lives on.
    assert_eq!(fleet.stage(&released).await, (1, StageState::Open));
    assert_eq!(fleet.app.rollout(&released).await.unseen, [mac(&fleet.macs[2])]);
    fleet.app.clock.advance(10 * MINUTE);
    fleet.asks(2, NEW).await;
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Soaking));
    fleet.app.clock.advance(29 * MINUTE);
    fleet.app.watch().await;
    assert_eq!(fleet.gets(0).await, "rollout_waiting");
    fleet.app.clock.advance(MINUTE);
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (2, StageState::Open));
    for index in [0, 1, 3, 4] {
        fleet.updates(index).await;
    }
    // The last one sleeps: it holds nothing up for longer than a day.
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Running);
    fleet.app.clock.advance(DAY);
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Finished);
    fleet.updates(5).await;
    assert_eq!(fleet.app.told(Kind::RolloutFinished).await.len(), 1);
}

#[tokio::test]
async fn a_canary_that_does_not_take_it_halts_it_at_once() {
    let fleet = Fleet::of(6).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.fails(0).await;
    assert_eq!(fleet.state(&released).await, State::Halted, "without anybody looking");
    for index in 0..6 {
        assert_eq!(fleet.gets(index).await, "rollout_halted");
    }
    let told = fleet.app.told(Kind::RolloutHalted).await;
    assert!(told.len() == 1 && told[0].contains("chase v1.0.2"), "{told:?}");
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.gets(1).await, "rollout_halted");
    // A person looked at it, and says that it may go on.
    fleet.tells(&released, Command::Resume).await;
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Running);
    assert_eq!(fleet.gets(1).await, "rollout_waiting");
    fleet.updates(0).await;
    assert_eq!(fleet.app.rollout(&released).await.progress.confirmed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_whole_is_on_the_way_also_after_a_restart() {
    let fleet = Fleet::of(3).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    let device = FakeDevice::esp8266(&fleet.macs[0]);
    let request = device.request("GET", &format!("/update?dev=chase&ver={OLD}"));
    let mut client = Client::connect(fleet.app.address).await;
    client.send(&request).await;
    assert_eq!(client.framed(false).await.status, 200);
    client.reset();
    fleet.app.until_attempt(&fleet.macs[0], AttemptState::Aborted).await;
    let before = fleet.app.rollout(&released).await.progress;
    assert_eq!((before.exposed, before.others), (1, 0), "it may be running it");
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.app.rollout(&released).await.progress, before);
}

#[tokio::test]
async fn a_canary_that_rolls_back_while_it_is_watched_halts_it() {
    let fleet = Fleet::of(3).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    fleet.asks(0, NEW).await;
    fleet.app.clock.advance(MINUTE);
    fleet.asks(0, NEW).await;
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Soaking));
    fleet.asks(0, OLD).await;
    assert_eq!(fleet.state(&released).await, State::Halted);
    assert_eq!(fleet.gets(1).await, "rollout_halted");
    let members = fleet.app.rollout(&released).await.members;
    assert_eq!(members.iter().map(|own| own.1).collect::<Vec<_>>(), [Member::Failed]);
}

#[tokio::test]
async fn without_a_name_the_canary_is_the_device_that_asked_last() {
    let fleet = Fleet::of(4).await;
    fleet.app.clock.advance(MINUTE);
    fleet.asks(2, OLD).await;
    fleet.rolls_out(stages("canaries")).await;
    for index in [0, 1, 3] {
        assert_eq!(fleet.gets(index).await, "rollout_waiting");
    }
    assert_eq!(fleet.gets(2).await, "offer");
}

#[tokio::test]
async fn a_device_that_cannot_get_it_is_no_canary_of_itself() {
    let fleet = Fleet::of(4).await;
    let asks = |index: usize| FakeDevice::esp8266(&fleet.macs[index]);
    fleet.app.clock.advance(MINUTE);
    fleet.asks(2, OLD).await;
    fleet.app.clock.advance(MINUTE);
    asks(0).asks(&fleet.app, "/update?dev=unheard&ver=v1.0.1").await;
    asks(1).with_free_space(100).polls(&fleet.app, "chase", OLD).await;
    let released = fleet.rolls_out(stages("canaries")).await;
    let canaries = fleet.app.rollout(&released).await.rollout.canaries;
    let chosen = fleet.app.app.addresses(&canaries).into_values().collect::<Vec<_>>();
    assert_eq!(chosen, [mac(&fleet.macs[2])]);
    assert_eq!(fleet.gets(2).await, "offer");

    // Where none can get it, it is the one that asked last.
    let small = Fleet::of(2).await;
    for index in [0, 1] {
        small.app.clock.advance(MINUTE);
        let device = FakeDevice::esp8266(&small.macs[index]).with_free_space(100);
        device.polls(&small.app, "chase", OLD).await;
    }
    let released = small.rolls_out(stages("canaries")).await;
    let canaries = small.app.rollout(&released).await.rollout.canaries;
    let chosen = small.app.app.addresses(&canaries).into_values().collect::<Vec<_>>();
    assert_eq!(chosen, [mac(&small.macs[1])]);
}

#[tokio::test]
async fn a_count_lets_in_exactly_so_many_and_a_restart_forgets_none_of_them() {
    let mut fleet = Fleet::of(8).await;
    let released = fleet.rolls_out(stages("2,5")).await;
    let mut offered = 0;
    for index in 0..8 {
        offered += usize::from(fleet.gets(index).await == "offer");
        fleet = fleet.restarted().await;
    }
    assert_eq!(offered, 2);
    assert_eq!(fleet.app.rollout(&released).await.progress.members, 2);
    fleet.tells(&released, Command::Advance).await;
    for index in 0..8 {
        offered += usize::from(fleet.asks(index, OLD).await == 200);
    }
    // The first two did not come back with it in the meantime: that is two failures.
    assert_eq!(fleet.state(&released).await, State::Halted);
    assert!((2..=5).contains(&offered), "{offered}");
}

#[tokio::test]
async fn however_many_ask_at_once_only_ten_have_it_before_any_came_back() {
    let fleet = Fleet::of(40).await;
    let released = fleet.rolls_out(stages("everyone")).await;
    let asked = (0..40).map(|index| fleet.asks(index, OLD));
    let mut statuses = Vec::new();
    for status in futures(asked).await {
        statuses.push(status);
    }
    let offered = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(offered, 10, "{statuses:?}");
    let held = statuses.iter().position(|status| *status == 304).unwrap();
    assert_eq!(fleet.app.decision(&fleet.macs[held]), "rollout_full");
    assert_eq!(fleet.app.rollout(&released).await.progress.exposed, 10);
    // One comes back with it: one more may have it.
    let first = statuses.iter().position(|status| *status == 200).unwrap();
    fleet.app.until_attempt(&fleet.macs[first], AttemptState::Delivered).await;
    fleet.asks(first, NEW).await;
    assert_eq!(fleet.gets(held).await, "offer");
}

/// Runs all of them at the same time.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    futures_util::future::join_all(all).await
}

#[tokio::test]
async fn a_bad_release_reaches_few_and_stops_by_itself() {
    let fleet = Fleet::of(60).await;
    let released = fleet.rolls_out(stages("everyone")).await;
    let mut reached = 0;
    for index in 0..60 {
        if fleet.gets(index).await != "offer" {
            continue;
        }
        reached += 1;
        fleet.app.clock.advance(38);
        // Every third device does not start it.
        fleet.asks(index, if index % 3 == 0 { OLD } else { NEW }).await;
    }
    assert_eq!(fleet.state(&released).await, State::Halted);
    // The first and the fourth failed: two.
    assert_eq!(reached, 4);
    let told = fleet.app.told(Kind::RolloutHalted).await;
    assert!(told[0].contains("2 did not come back with it"), "{told:?}");
}

#[tokio::test]
async fn a_group_a_time_a_pause_and_an_end() {
    let fleet = Fleet::of(4).await;
    let change =
        PolicyChange { groups: Some(vec!["Garden".to_owned()]), ..PolicyChange::default() };
    fleet.app.app.change_policy(mac(&fleet.macs[1]), &change, &a_test()).await.unwrap();
    let starts_at = Some(fleet.app.app.now() + HOUR);
    let wish = PlanWish { group: Some("garden".to_owned()), starts_at, ..stages("everyone") };
    let released = fleet.rolls_out(wish).await;
    assert_eq!(fleet.gets(0).await, "other_group");
    assert_eq!(fleet.gets(1).await, "rollout_scheduled");
    fleet.app.clock.advance(HOUR);
    fleet.app.watch().await;
    fleet.tells(&released, Command::Pause).await;
    assert_eq!(fleet.gets(1).await, "rollout_paused");
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.gets(1).await, "rollout_paused");
    fleet.tells(&released, Command::Resume).await;
    fleet.updates(1).await;
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Finished);
    // Through or not: it is for that group only, also after a restart.
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.gets(0).await, "other_group");
    assert!(fleet.app.app.tell_rollout(1, Command::End, &a_test()).await.is_err());
}

#[tokio::test]
async fn a_newer_release_takes_the_place_of_a_rollout_and_withdrawing_ends_it() {
    let fleet = Fleet::of(3).await;
    let first = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    let second = fleet.app.roll_out("chase", "v1.0.3", canary(&fleet, 1)).await;
    assert_eq!(fleet.state(&first).await, State::Ended);
    assert_eq!(fleet.gets(2).await, "rollout_waiting");
    assert_eq!(fleet.asks(0, NEW).await, 304, "it keeps what it has");
    fleet.app.withdraw(&second).await;
    assert_eq!(fleet.state(&second).await, State::Ended);
    let code = fleet.gets(1).await;
    assert_eq!(code, "rollout_ended", "v1.0.2 was replaced; nobody said that it is for all");
    // Published again, it is for everyone.
    let state = Some(ReleaseState::Published);
    let change = ReleaseChange { state, ..ReleaseChange::default() };
    fleet.app.app.change_release(second.id(), &change, &a_test()).await.unwrap();
    assert_eq!(fleet.gets(1).await, "offer");
}

#[tokio::test]
async fn devices_that_took_a_bad_release_get_the_one_before() {
    let fleet = Fleet::of(4).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    let back = fleet.app.app.recall(released.id(), &a_test()).await.unwrap();
    assert!(back.recalled);
    assert_eq!(fleet.state(&released).await, State::Ended);
    let explained = || fleet.app.app.explain(mac(&fleet.macs[0])).unwrap();
    assert_eq!(explained().decision.code(), "offer");
    assert_eq!(explained().release.unwrap().version.to_string(), OLD);
    assert_eq!(fleet.asks(0, NEW).await, 200);
    fleet.app.until_attempt(&fleet.macs[0], AttemptState::Delivered).await;
    assert_eq!(fleet.asks(0, OLD).await, 304);
    fleet.app.until_attempt(&fleet.macs[0], AttemptState::Confirmed).await;
    for index in 1..4 {
        assert_eq!(fleet.gets(index).await, "up_to_date");
    }
}

#[tokio::test]
async fn it_asks_where_a_person_wants_to_be_asked_or_nobody_proved_it() {
    let fleet = Fleet::of(3).await;
    let released = fleet.rolls_out(PlanWish { ask: true, ..canary(&fleet, 0) }).await;
    fleet.updates(0).await;
    fleet.app.clock.advance(MINUTE);
    fleet.asks(0, NEW).await;
    fleet.app.watch().await;
    fleet.app.clock.advance(HOUR);
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Asking));
    assert_eq!(fleet.gets(1).await, "rollout_waiting");
    fleet.tells(&released, Command::Advance).await;
    fleet.updates(1).await;

    let silent = Fleet::of(2).await;
    let released = silent.rolls_out(canary(&silent, 0)).await;
    silent.app.clock.advance(6 * DAY);
    silent.app.watch().await;
    assert_eq!(silent.stage(&released).await, (1, StageState::Open));
    silent.app.clock.advance(DAY);
    silent.app.watch().await;
    assert_eq!(silent.stage(&released).await, (1, StageState::Asking));
    assert_eq!(silent.app.told(Kind::RolloutAsks).await.len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_what_every_device_then_gets() {
    let fleet = Fleet::of(12).await;
    let policy = |index: usize, change: PolicyChange| {
        let (app, mac) = (fleet.app.app.clone(), mac(&fleet.macs[index]));
        async move { app.change_policy(mac, &change, &a_test()).await.unwrap() }
    };
    let old = fleet.app.app.shelf().platform("chase").unwrap().published[0].id;
    policy(3, PolicyChange { updates_off: Some(true), ..PolicyChange::default() }).await;
    policy(4, PolicyChange { pinned: Some(Some(old)), ..PolicyChange::default() }).await;
    let platform = fleet.app.app.shelf().platform("chase").unwrap().platform.id;
    let draft = fleet.app.draft("chase", NEW).await;
    for wish in [None, Some(canary(&fleet, 0)), Some(stages("30%")), Some(stages("3"))] {
        let supposed = Supposed::Published {
            release_id: draft,
            version: None,
            channel: Channel::Stable,
            plan: wish,
        };
        let preview = fleet.app.app.preview(platform, &supposed).await.unwrap();
        assert_eq!(preview.devices.len(), 12);
        assert_eq!(preview.counts.values().sum::<u64>(), 12);
        assert_eq!(preview.counts["updates_off"], 1, "{:?}", preview.counts);
        assert_eq!(preview.counts["pinned"], 1);
    }
    assert_eq!(fleet.gets(0).await, "up_to_date", "it was a dry run");
    // As it is then published.
    let wish = canary(&fleet, 0);
    let supposed = Supposed::Published {
        release_id: draft,
        version: None,
        channel: Channel::Stable,
        plan: Some(wish.clone()),
    };
    let preview = fleet.app.app.preview(platform, &supposed).await.unwrap();
    fleet.app.publish_by(draft, wish).await;
    assert_eq!(preview.devices.len(), 12);
    for forecast in &preview.devices {
        let index = fleet.macs.iter().position(|own| mac(own) == forecast.mac).unwrap();
        assert_eq!(fleet.gets(index).await, forecast.code(), "device {index}");
    }
}

#[tokio::test]
async fn a_stage_that_nobody_belongs_to_holds_nothing_up() {
    let fleet = Fleet::of(2).await;
    let released = fleet.rolls_out(stages("1%, 2%")).await;
    let meant = fleet.app.rollout(&released).await.survey.unwrap().meant;
    fleet.app.watch().await;
    // By the hash of this rollout neither is among the first hundredth.
    assert_eq!(meant, 0);
    assert_eq!(fleet.stage(&released).await, (3, StageState::Open));
    fleet.updates(0).await;
}

#[tokio::test]
async fn the_canary_must_be_seen_again_also_after_a_restart() {
    let fleet = Fleet::of(2).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    let fleet = fleet.restarted().await;
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Open));
    fleet.app.clock.advance(MINUTE);
    fleet.asks(0, NEW).await;
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Soaking));
}

#[tokio::test]
async fn a_canary_that_restarts_over_and_over_halts_it() {
    let fleet = Fleet::of(3).await;
    for _ in 0..5 {
        fleet.app.clock.advance(HOUR);
        fleet.asks(0, OLD).await;
    }
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    for _ in 0..8 {
        fleet.app.clock.advance(30);
        fleet.asks(0, NEW).await;
    }
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Halted);
    let fleet = fleet.restarted().await;
    fleet.app.watch().await;
    // A person looked at it: the same failure does not halt it again, also after a restart.
    fleet.tells(&released, Command::Resume).await;
    let fleet = fleet.restarted().await;
    fleet.app.watch().await;
    assert_eq!(fleet.state(&released).await, State::Running);
}

#[tokio::test]
async fn devices_that_are_removed_prove_nothing_and_hold_no_place() {
    let fleet = Fleet::of(6).await;
    let released = fleet.rolls_out(PlanWish { at_once: Some(2), ..stages("2") }).await;
    for index in [0, 1] {
        assert_eq!(fleet.gets(index).await, "offer");
        fleet.app.app.remove_device(mac(&fleet.macs[index]), &a_test()).await.unwrap();
    }
    fleet.app.watch().await;
    assert_eq!(fleet.stage(&released).await, (1, StageState::Open), "nobody proved anything");
    assert_eq!(fleet.app.rollout(&released).await.progress.exposed, 0);
    assert_eq!(fleet.gets(2).await, "rollout_waiting", "the stage is full all the same");
}

#[tokio::test]
async fn a_rollout_counts_the_same_after_a_restart_whoever_was_removed() {
    let fleet = Fleet::of(12).await;
    let wish = PlanWish { max_failures: Some(9), ..stages("9") };
    let released = fleet.rolls_out(wish).await;
    for index in 0..3 {
        fleet.updates(index).await;
    }
    fleet.fails_twice(3).await;
    assert_eq!(fleet.gets(4).await, "offer");
    // Confirmed, failed, on the way, and one that was never let in.
    for index in [0, 3, 4, 11] {
        fleet.app.app.remove_device(mac(&fleet.macs[index]), &a_test()).await.unwrap();
    }
    let before = fleet.app.rollout(&released).await;
    let progress = before.progress;
    assert_eq!((progress.members, progress.confirmed, progress.failed), (5, 3, 1));
    assert_eq!((progress.exposed, progress.others), (0, 1));
    let fleet = fleet.restarted().await;
    let after = fleet.app.rollout(&released).await;
    assert_eq!((after.progress, after.survey), (before.progress, before.survey));
    assert_eq!((after.rollout, after.members), (before.rollout, before.members));
    // Nine get it, those that were removed among them.
    for index in 5..9 {
        assert_eq!(fleet.gets(index).await, "offer", "device {index}");
    }
    assert_eq!(fleet.gets(9).await, "rollout_waiting");
}

#[tokio::test]
async fn a_rollout_that_is_history_still_counts_a_device_that_was_removed() {
    let fleet = Fleet::of(3).await;
    let released = fleet.rolls_out(stages("everyone")).await;
    fleet.updates(0).await;
    fleet.fails_twice(1).await;
    let id = fleet.app.rollout(&released).await.rollout.id;
    fleet.tells(&released, Command::End).await;
    // Published anew without it.
    for state in [ReleaseState::Withdrawn, ReleaseState::Published] {
        let change = ReleaseChange { state: Some(state), ..ReleaseChange::default() };
        fleet.app.app.change_release(released.id(), &change, &a_test()).await.unwrap();
    }
    assert!(fleet.app.app.rollout_before(released.id()).is_none());
    let before = fleet.app.app.rollout_status(id).await.unwrap().progress;
    assert_eq!((before.confirmed, before.failed), (1, 1));
    for index in [0, 1] {
        fleet.app.app.remove_device(mac(&fleet.macs[index]), &a_test()).await.unwrap();
    }
    let after = fleet.app.app.rollout_status(id).await.unwrap().progress;
    assert_eq!(after, before);
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.app.app.rollout_status(id).await.unwrap().progress, before);
}

#[tokio::test]
async fn what_a_person_forgave_a_device_stays_forgiven_when_it_is_removed() {
    let fleet = Fleet::of(4).await;
    let released = fleet.rolls_out(PlanWish { max_failures: Some(1), ..stages("everyone") }).await;
    fleet.fails(0).await;
    fleet.tells(&released, Command::Resume).await;
    fleet.app.app.remove_device(mac(&fleet.macs[0]), &a_test()).await.unwrap();
    let before = fleet.app.rollout(&released).await.progress;
    assert_eq!((before.failed, before.forgiven), (0, 1));
    let fleet = fleet.restarted().await;
    fleet.app.watch().await;
    assert_eq!(fleet.app.rollout(&released).await.progress, before);
    assert_eq!(fleet.state(&released).await, State::Running);
}

#[tokio::test]
async fn a_canary_that_fell_after_it_came_back_has_failed_also_after_a_restart() {
    let fleet = Fleet::of(3).await;
    for _ in 0..5 {
        fleet.app.clock.advance(HOUR);
        fleet.asks(0, OLD).await;
    }
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    fleet.updates(0).await;
    fleet.app.clock.advance(DAY);
    fleet.app.watch().await;
    let before = fleet.app.rollout(&released).await;
    assert_eq!((before.rollout.state, before.progress.failed), (State::Halted, 1));
    let fleet = fleet.restarted().await;
    let after = fleet.app.rollout(&released).await;
    assert_eq!((after.rollout, after.progress), (before.rollout, before.progress));
}

#[tokio::test]
async fn no_change_and_no_preview_opens_what_has_to_stop() {
    let fleet = Fleet::of(4).await;
    let released = fleet.rolls_out(PlanWish { max_failures: Some(1), ..stages("everyone") }).await;
    assert_eq!(fleet.gets(0).await, "offer");
    // As if the server had not got to writing it down.
    let platform = fleet.app.app.shelf().platform("chase").unwrap().platform.id;
    fleet.app.clock.advance(38);
    fleet.asks(0, OLD).await;
    for _ in 0..3 {
        fleet.app.app.preview(platform, &Supposed::Nothing).await.unwrap();
        fleet.app.app.create_group("G", "", &a_test()).await.ok();
        assert_eq!(fleet.gets(1).await, "rollout_halted");
    }
    assert_eq!(fleet.app.rollout(&released).await.progress.members, 1);
}

#[tokio::test]
async fn what_was_forgiven_forgives_nothing_else() {
    let fleet = Fleet::of(4).await;
    let released = fleet.rolls_out(PlanWish { max_failures: Some(1), ..stages("everyone") }).await;
    fleet.fails(0).await;
    assert_eq!(fleet.state(&released).await, State::Halted);
    fleet.tells(&released, Command::Resume).await;
    fleet.updates(0).await;
    let fleet = fleet.restarted().await;
    fleet.fails(1).await;
    assert_eq!(fleet.state(&released).await, State::Halted);
}

#[tokio::test]
async fn a_canary_that_comes_back_with_something_else_halts_it_at_once() {
    let fleet = Fleet::of(4).await;
    let released = fleet.rolls_out(canary(&fleet, 0)).await;
    assert_eq!(fleet.gets(0).await, "offer");
    let other = FakeDevice::esp8266(&fleet.macs[0]).with_md5(&"ab".repeat(16));
    other.asks(&fleet.app, "/update?dev=chase&ver=v9.0.0").await;
    fleet.app.until_attempt(&fleet.macs[0], AttemptState::Overtaken).await;
    let status = fleet.app.rollout(&released).await;
    assert_eq!(status.rollout.state, State::Halted);
    assert!(status.rollout.reason.contains("something else"), "{}", status.rollout.reason);
    assert_eq!(status.members[0].1, Member::Strayed);
    let fleet = fleet.restarted().await;
    assert_eq!(fleet.app.rollout(&released).await.members[0].1, Member::Strayed);
    fleet.tells(&released, Command::Resume).await;
    assert_eq!(fleet.app.rollout(&released).await.members[0].1, Member::Forgiven);
    assert_eq!(fleet.state(&released).await, State::Running);
}

#[tokio::test]
async fn devices_that_call_themselves_otherwise_each_time_halt_it() {
    for digests in [true, false] {
        let fleet = Fleet::of(14).await;
        let released = fleet.rolls_out(stages("everyone")).await;
        for round in 0..4 {
            for (index, mac) in fleet.macs.iter().enumerate() {
                let device = if digests {
                    FakeDevice::esp8266(mac)
                } else {
                    FakeDevice::esp8266_core_2_0_0(mac)
                };
                let version = if round == 0 { OLD.to_owned() } else { format!("j{round}-{index}") };
                let target = format!("/update?dev=chase&ver={version}");
                if device.asks(&fleet.app, &target).await.status == 200 {
                    fleet.app.until_attempt(mac, AttemptState::Delivered).await;
                }
            }
            fleet.app.clock.advance(DAY);
        }
        let status = fleet.app.rollout(&released).await;
        let (state, progress) = (status.rollout.state, status.progress);
        assert_eq!(state, State::Halted, "{digests}: {progress:?}");
        assert_eq!((progress.members, progress.confirmed), (10, 0), "{digests}: {progress:?}");
        let counters = fleet.app.counters(&released).await;
        assert!(counters.downloads <= 12, "{digests}: {counters:?}");
        let strayed = if digests { 0 } else { progress.failed };
        assert_eq!(progress.strayed, strayed, "{digests}: {progress:?}");
    }
}

#[tokio::test]
async fn a_dry_run_of_a_rollout_under_way_counts_its_places() {
    let fleet = Fleet::of(8).await;
    fleet.rolls_out(stages("3")).await;
    let platform = fleet.app.app.shelf().platform("chase").unwrap().platform.id;
    let preview = fleet.app.app.preview(platform, &Supposed::Nothing).await.unwrap();
    assert_eq!(preview.counts["offer"], 3, "{:?}", preview.counts);
    let mut offered = 0;
    for index in 0..8 {
        offered += usize::from(fleet.gets(index).await == "offer");
    }
    assert_eq!(offered, 3, "looking ahead took no place");
}
