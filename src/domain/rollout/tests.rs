//! Every transition of a rollout, as tables and as random walks.

use std::collections::BTreeSet;

use super::*;
use crate::domain::mac::MacAddr;

const NOW: Timestamp = 1_700_000_000;
const CANARIES: [i64; 2] = [7, 9];

fn planned(stages: &str) -> Plan {
    let stages = Plan::read_stages(stages).unwrap();
    Plan { canaries: CANARIES.into(), stages, ..Plan::default() }
}

fn begun(stages: &str) -> Rollout {
    let plan = planned(stages);
    plan.check().unwrap();
    let mut rollout = Rollout { id: 3, ..plan.begin(1, "anna", NOW) };
    rollout.take(&Step::Start, NOW);
    rollout
}

fn progress(members: u32, exposed: u32, confirmed: u32, failed: u32) -> Progress {
    let others = members - exposed - confirmed - failed;
    Progress { members, exposed, confirmed, failed, others, ..Progress::default() }
}

fn device(device_id: i64, member: Option<Member>) -> Candidate<'static> {
    let mac = MacAddr::new([2, 0, 0, 0, 0, u8::try_from(device_id).unwrap()]);
    Candidate { device_id, mac, groups: &[4], member }
}

#[test]
fn a_text_makes_stages_and_the_last_one_is_for_everyone() {
    let sizes = |text: &str| -> Vec<String> {
        Plan::read_stages(text).unwrap().iter().map(|stage| stage.size.to_string()).collect()
    };
    assert_eq!(sizes("canaries"), ["canaries", "everyone"]);
    assert_eq!(sizes("5, 10%,50 %".replace(" %", "%").as_str()), ["5", "10%", "50%", "everyone"]);
    assert_eq!(sizes("1% 100%"), ["1%", "everyone"]);
    assert_eq!(sizes(""), ["everyone"]);
    for text in ["0", "0%", "101%", "-1", "some", "1,5x"] {
        assert!(Plan::read_stages(text).is_err(), "{text}");
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    for (stages, fits) in [
        ("canaries,1%,10%", true),
        ("3,10,20%", true),
        ("10%,1%", false),
        ("5,5", false),
        ("10%,5", false),
        ("1,canaries", false),
    ] {
        assert_eq!(planned(stages).check().is_ok(), fits, "{stages}");
    }
    let none = Plan { canaries: Vec::new(), ..planned("canaries") };
    assert_eq!(none.check(), Err(PlanError::NoCanaries));
    assert!(Plan { at_once: 0, ..planned("1%") }.check().is_err());
    assert!(Plan { deadline: 1, ..planned("1%") }.check().is_err());
    assert_eq!(Plan::careful(vec![1]).check(), Ok(()));
}

#[test]
fn who_gets_it_while_a_stage_is_open() {
    let wait = GateWait::Stage { stage: 1, stages: 2 };
    let none = Progress::default();
    let canaries = begun("canaries");
    assert_eq!(canaries.admits(&device(7, None), &none), Ok(()));
    assert_eq!(canaries.admits(&device(8, None), &none), Err(wait));
    // Who has it may try again, whatever the stage, but not beyond the cap.
    assert_eq!(canaries.admits(&device(8, Some(Member::Failed)), &none), Ok(()));
    let full = Err(GateWait::Full { exposed: 10 });
    for member in [Member::Left, Member::Confirmed, Member::Forgiven, Member::Broken] {
        assert_eq!(canaries.admits(&device(8, Some(member)), &progress(11, 10, 0, 0)), full);
    }
    let exposed = device(8, Some(Member::Exposed));
    assert_eq!(canaries.admits(&exposed, &progress(11, 10, 0, 0)), Ok(()));
    let failed = progress(1, 0, 0, 1);
    assert_eq!(canaries.admits(&device(7, None), &failed), Err(GateWait::Halted), "at once");
    assert_eq!(canaries.admits(&device(8, Some(Member::Broken)), &none), Ok(()));

    let two = begun("2");
    assert_eq!(two.admits(&device(1, None), &progress(1, 1, 0, 0)), Ok(()));
    assert_eq!(two.admits(&device(1, None), &progress(2, 1, 1, 0)), Err(wait));
    assert_eq!(two.admits(&device(7, None), &progress(2, 1, 1, 0)), Ok(()), "canaries always");

    let some = begun("30%");
    let admitted = (0..200).filter(|id| some.admits(&device(*id, None), &none).is_ok()).count();
    assert!((35..85).contains(&admitted), "{admitted} of 200 at 30 %");

    let group = Rollout { group: Some(5), ..begun("") };
    assert_eq!(group.admits(&device(1, None), &none), Err(GateWait::OtherGroup));
    assert_eq!(Rollout { group: Some(4), ..group }.admits(&device(1, None), &none), Ok(()));
}

#[test]
fn only_so_many_have_it_unconfirmed() {
    let rollout = begun("");
    for (exposed, confirmed, gets) in [
        (9, 0, true),
        (10, 0, false),
        (10, 10, false),
        (10, 11, true),
        (49, 50, true),
        (50, 50, false),
    ] {
        let progress = progress(exposed + confirmed, exposed, confirmed, 0);
        let answer = rollout.admits(&device(1, None), &progress);
        assert_eq!(answer.is_ok(), gets, "{exposed} {confirmed}");
        if !gets {
            assert_eq!(answer, Err(GateWait::Full { exposed }));
        }
    }
}

#[test]
fn nobody_gets_it_while_it_stands_still() {
    let none = Progress::default();
    for (state, wait) in [
        (State::Scheduled, Some(GateWait::Scheduled(Some(NOW)))),
        (State::Paused, Some(GateWait::Paused)),
        (State::Halted, Some(GateWait::Halted)),
        (State::Ended, Some(GateWait::Ended)),
        (State::Finished, None),
    ] {
        let rollout = Rollout { state, starts_at: Some(NOW), ..begun("") };
        for member in [None, Some(Member::Failed), Some(Member::Confirmed)] {
            assert_eq!(rollout.admits(&device(1, member), &none).err(), wait, "{state:?}");
        }
    }
}

#[test]
fn the_stop_rule_counts() {
    for (stages, max, confirmed, failed, halts) in [
        ("canaries", None, 0, 0, false),
        ("canaries", None, 5, 1, true),
        ("50%", None, 0, 1, false),
        ("50%", None, 0, 2, true),
        ("50%", None, 8, 2, true),
        ("50%", None, 9, 2, false),
        ("50%", None, 80, 19, false),
        ("50%", None, 80, 20, true),
        ("50%", Some(1), 80, 1, true),
        ("50%", Some(30), 0, 29, false),
    ] {
        let mut rollout = begun(stages);
        rollout.stages[0].max_failures = max;
        let progress = progress(confirmed + failed, 0, confirmed, failed);
        let step = rollout.step(&progress, &Survey { busy: 1, asleep: 0, meant: 9, fleet: 9 }, NOW);
        assert_eq!(matches!(step, Some(Step::Halt(_))), halts, "{stages} {confirmed} {failed}");
        let forgiven = Progress { forgiven: failed, failed: 0, ..progress };
        assert_eq!(rollout.must_halt(&forgiven), None, "forgiven");
    }
}

#[test]
fn every_step_that_it_takes_by_itself() {
    let through = progress(2, 0, 2, 0);
    let none = Progress::default();
    let idle = Survey { busy: 0, asleep: 0, meant: 2, fleet: 5 };
    let busy = Survey { busy: 1, ..idle };
    let nobody = Survey { fleet: 5, ..Survey::default() };
    let gone = progress(2, 2, 0, 0);
    let open = begun("canaries");
    let mut soaking = open.clone();
    soaking.take(&Step::Soak, NOW);
    let mut last = soaking.clone();
    last.take(&Step::Open, NOW);
    let (tenth, two, half) = (begun("10%"), begun("2"), begun("50%"));
    let scheduled =
        Rollout { starts_at: Some(NOW), ..planned("canaries").begin(1, "anna", NOW - 100) };
    let late = NOW + 7 * 86_400;
    let asks = |rollout: &Rollout| Rollout { ask: true, ..rollout.clone() };
    for (what, rollout, progress, survey, now, step) in [
        ("before its time", &scheduled, &none, &idle, NOW - 1, None),
        ("at its time", &scheduled, &none, &idle, NOW, Some(Step::Start)),
        ("devices are expected", &open, &through, &busy, NOW + 60, None),
        ("nobody came yet", &open, &none, &idle, NOW + 60, None),
        ("all canaries are through", &open, &through, &idle, NOW + 60, Some(Step::Soak)),
        ("a canary was not seen twice", &open, &through, &busy, late, Some(Step::Ask)),
        ("sleepers do not hold it up", &half, &through, &busy, late, Some(Step::Soak)),
        ("nobody proved it in a week", &open, &none, &busy, late, Some(Step::Ask)),
        ("it is watched", &soaking, &through, &idle, NOW + 1_799, None),
        ("it was watched", &soaking, &through, &idle, NOW + 1_800, Some(Step::Open)),
        ("a person wants to be asked", &asks(&soaking), &through, &idle, late, Some(Step::Ask)),
        ("no canary is left", &open, &none, &nobody, NOW + 60, None),
        ("a tenth of three is nobody", &tenth, &none, &nobody, NOW, Some(Step::Open)),
        ("there is nobody at all", &tenth, &none, &Survey::default(), NOW, None),
        ("those that got it were removed", &tenth, &gone, &nobody, NOW, None),
        ("a count is never nobody", &two, &none, &nobody, NOW, None),
        ("everyone is through", &last, &through, &idle, NOW, Some(Step::Finish)),
        (
            "a person is not asked after the last",
            &asks(&last),
            &through,
            &idle,
            NOW,
            Some(Step::Finish),
        ),
        ("nobody needs it", &last, &none, &idle, late, Some(Step::Finish)),
    ] {
        assert_eq!(rollout.step(progress, survey, now), step, "{what}");
    }
    for state in [State::Paused, State::Halted, State::Finished, State::Ended] {
        let still = Rollout { state, ..open.clone() };
        assert_eq!(still.step(&through, &idle, late), None, "{state:?}");
    }
}

#[test]
fn what_a_person_may_tell_it() {
    use Command::{Advance, End, Everyone, Pause, Resume};
    use State::{Ended, Finished, Halted, Paused, Running, Scheduled};
    let after = |state: State, command: Command| {
        let mut rollout = Rollout { state, ..begun("canaries") };
        if state == Scheduled {
            rollout = planned("canaries").begin(1, "anna", NOW);
        }
        rollout.obey(command, NOW + 5).ok().map(|()| rollout.state)
    };
    for (state, [pause, resume, advance, everyone, end]) in [
        (Scheduled, [Some(Paused), None, Some(Running), Some(Running), Some(Ended)]),
        (Running, [Some(Paused), None, Some(Running), Some(Running), Some(Ended)]),
        (Paused, [None, Some(Running), None, Some(Running), Some(Ended)]),
        (Halted, [None, Some(Running), None, None, Some(Ended)]),
        (Finished, [None; 5]),
        (Ended, [None; 5]),
    ] {
        for (command, expected) in
            [(Pause, pause), (Resume, resume), (Advance, advance), (Everyone, everyone), (End, end)]
        {
            assert_eq!(after(state, command), expected, "{state:?} {command:?}");
        }
    }
    let mut halted = Rollout { state: Halted, reason: "so".into(), ..begun("canaries") };
    halted.obey(Resume, NOW).unwrap();
    assert_eq!((halted.resumed_at, halted.reason.as_str()), (Some(NOW), ""));
    // A paused one that never began goes back to waiting for its time.
    let mut early = Rollout { state: Paused, ..planned("1%").begin(1, "anna", NOW) };
    early.obey(Resume, NOW).unwrap();
    assert_eq!(early.state, Scheduled);
}

/// A few random numbers from a seed (xorshift).
fn next(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Whatever happens, in whatever order: there is one stage of the moment exactly while the rollout
/// is under way, those before it are passed and those behind it wait; what has ended stays so.
#[test]
fn random_walks_reach_every_state_and_never_leave_the_rules() {
    let (mut states, mut stage_states) = (BTreeSet::new(), BTreeSet::new());
    let mut seed = 0x5EED_u64;
    for walk in 0..3_000 {
        let stages = ["", "canaries", "canaries,10%,50%", "1,5,10%"][walk % 4];
        let mut rollout = planned(stages).begin(1, "anna", NOW);
        rollout.ask = walk % 3 == 0;
        rollout.starts_at = (walk % 5 == 0).then_some(NOW + 900);
        let (mut now, mut progress) = (NOW, Progress::default());
        for _ in 0..60 {
            now += i64::try_from(next(&mut seed) % 3_000).unwrap();
            let was = rollout.state;
            match next(&mut seed) % 8 {
                0 => {
                    let command = Command::ALL[usize::try_from(next(&mut seed) % 5).unwrap()];
                    if rollout.obey(command, now).is_ok() && command == Command::Resume {
                        while progress.failed > 0 {
                            progress.recount(Member::Failed, Member::Forgiven);
                        }
                    }
                }
                1 => progress.count(Member::Exposed),
                2 if progress.exposed > 0 => progress.recount(Member::Exposed, Member::Confirmed),
                3 if progress.exposed > 0 && walk % 2 == 0 => {
                    progress.recount(Member::Exposed, Member::Failed);
                }
                _ => {
                    let busy = u32::try_from(next(&mut seed) % 2).unwrap();
                    if let Some(step) = rollout.step(
                        &progress,
                        &Survey { busy, asleep: 0, meant: 3, fleet: 3 },
                        now,
                    ) {
                        rollout.take(&step, now);
                    }
                }
            }
            holds(&rollout, was);
            states.insert(rollout.state.word());
            stage_states.extend(rollout.stages.iter().map(|stage| stage.state.word()));
        }
    }
    assert_eq!(states.len(), State::ALL.len(), "{states:?}");
    assert_eq!(stage_states.len(), StageState::ALL.len(), "{stage_states:?}");
}

fn holds(rollout: &Rollout, was: State) {
    let current: Vec<usize> = (0..rollout.stages.len())
        .filter(|index| rollout.stages[*index].state.is_current())
        .collect();
    assert!(current.len() <= 1, "{rollout:?}");
    match rollout.state {
        State::Running | State::Halted => assert_eq!(current.len(), 1, "{rollout:?}"),
        State::Scheduled | State::Finished => assert_eq!(current.len(), 0, "{rollout:?}"),
        State::Paused | State::Ended => {}
    }
    let at = current.first().copied();
    for (index, stage) in rollout.stages.iter().enumerate() {
        match at {
            Some(at) if index < at => assert_eq!(stage.state, StageState::Passed, "{rollout:?}"),
            Some(at) if index > at => assert_eq!(stage.state, StageState::Waiting, "{rollout:?}"),
            _ => {}
        }
        assert_eq!(stage.passed_at.is_some(), stage.state == StageState::Passed, "{rollout:?}");
    }
    if rollout.state == State::Halted {
        assert!(!rollout.reason.is_empty(), "it says why");
    }
    if !was.is_active() {
        assert_eq!(rollout.state, was, "what has ended stays so");
    }
}

#[test]
fn a_failure_stays_one_until_the_device_comes_back_with_it() {
    use Member::{Broken, Confirmed, Exposed, Failed, Forgiven, Left, Strayed};
    for (was, next, then) in [
        (Exposed, Strayed, Strayed),
        (Strayed, Exposed, Strayed),
        (Strayed, Failed, Failed),
        (Strayed, Confirmed, Confirmed),
        (Failed, Strayed, Failed),
        (Forgiven, Strayed, Strayed),
        (Exposed, Confirmed, Confirmed),
        (Exposed, Failed, Failed),
        (Failed, Exposed, Failed),
        (Failed, Broken, Failed),
        (Failed, Left, Failed),
        (Failed, Confirmed, Confirmed),
        (Forgiven, Exposed, Forgiven),
        (Forgiven, Confirmed, Confirmed),
        (Forgiven, Failed, Failed),
        (Confirmed, Failed, Failed),
        (Broken, Exposed, Exposed),
    ] {
        assert_eq!(was.then(next), then, "{was:?} {next:?}");
    }
    let mut counted = Progress::default();
    counted.count(Exposed);
    counted.recount(Exposed, Failed);
    counted.count(Exposed);
    counted.discount(Exposed);
    assert_eq!(counted, progress(1, 0, 0, 1));
    counted.count(Strayed);
    assert_eq!((counted.failed, counted.strayed), (2, 1));
    counted.recount(Strayed, Confirmed);
    assert_eq!(counted, progress(2, 0, 1, 1));
}

#[test]
fn who_takes_it_and_comes_back_with_something_else_speaks_against_it() {
    use AttemptState::{Aborted, Lost, Overtaken};
    assert_eq!(Member::of(Overtaken, true), Member::Strayed);
    assert_eq!(Member::of(Overtaken, false), Member::Left, "it never had it");
    assert_eq!(Member::of(Aborted, true), Member::Exposed, "it may be running it");
    assert_eq!(Member::of(Aborted, false), Member::Broken);
    assert_eq!(Member::of(Lost, true), Member::Failed);
    let only = begun("canaries");
    let strayed = Progress { strayed: 1, ..progress(1, 0, 0, 1) };
    let Some(Step::Halt(reason)) = only.must_halt(&strayed) else { panic!("it goes on") };
    assert!(reason.ends_with("came back with something else."), "{reason}");
    let half = begun("50%");
    for (strayed, says) in [
        (0, "3 did not come back with it or rolled it back (4"),
        (3, "3 took it, and came back with something else (4"),
        (1, "came back with something else (1 of them) (4"),
    ] {
        let progress = Progress { strayed, ..progress(8, 1, 4, 3) };
        let Some(Step::Halt(reason)) = half.must_halt(&progress) else { panic!("it goes on") };
        assert!(reason.contains(says), "{reason}");
    }
}
