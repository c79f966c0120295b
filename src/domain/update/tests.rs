//! What a device gets, as tables: a plain situation, one thing changed, the outcome.

use super::*;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::learnt::{ChipFrom, GzipTried};
use crate::domain::mac::MacAddr;
use crate::domain::pairing::Whose;
use crate::domain::policy::Channel;
use crate::domain::proof::ProofKind;
use crate::domain::release::{Image, Packed};
use crate::domain::rollout::GateWait;
use crate::domain::tally::Hold;

const NOW: Timestamp = 1_700_000_000;

/// A situation that owns what it is made of: an approved ESP8266 of platform chase that runs
/// v1.0.1, where v1.0.2 is published.
#[derive(Clone)]
struct Case {
    ask: Ask,
    report: Report,
    platforms_exist: bool,
    platform: Option<(i64, &'static str, Admission)>,
    device: Option<(Approval, Option<(i64, &'static str)>)>,
    gzip: GzipPolicy,
    floor: Option<FirmwareVersion>,
    learnt: Learnt,
    running: Option<Published>,
    running_mode: Option<u8>,
    on_offer: Vec<Published>,
    tally: Option<Tally>,
    flights: u32,
    updated_here: bool,
    policy: Policy,
    rule: Rule,
    gates: Vec<(i64, GateWait)>,
    bound: Bound,
    quiet_until: Option<Timestamp>,
    door: Door,
    proof: Proof,
    shown: SecretShown,
}

fn release(id: i64, version: &str, chip: Chip) -> Published {
    let byte = u8::try_from(id).unwrap();
    let image = Image {
        id,
        part: Part::Application,
        flash_size: Some(4 << 20),
        flash_mode: Some(2),
        signed: false,
        unpacks: true,
        packed: None,
        sha256: Sha256([byte; 32]),
        md5: Md5([byte; 16]),
        size: 400_000,
        chip,
        chip_certain: true,
        appended_sha256: None,
        file_name: "firmware.bin".to_owned(),
    };
    let version = FirmwareVersion::read(version);
    Published {
        id,
        platform_id: 1,
        version,
        image,
        has_others: false,
        published_at: 0,
        channel: Channel::Stable,
        recalled: false,
    }
}

fn usual() -> Case {
    Case {
        ask: Ask::Newest { named: true },
        report: Report {
            family: Family::Esp8266,
            mac: MacAddr::new([0x18, 0xFE, 0xAA, 0, 0, 1]),
            mode: Mode::Sketch,
            dev: Some("chase".into()),
            version: Some("v1.0.1".into()),
            sketch_md5: None,
            sketch_sha256: None,
            free_space: Some(600_000),
            sketch_size: Some(400_000),
            chip_size: Some(4 << 20),
            sdk: None,
        },
        platforms_exist: true,
        platform: Some((1, "chase", Admission::Approved)),
        device: Some((Approval::Approved, Some((1, "chase")))),
        gzip: GzipPolicy::Auto,
        floor: None,
        learnt: Learnt::default(),
        running: None,
        running_mode: None,
        on_offer: vec![release(2, "v1.0.2", Chip::Esp8266)],
        tally: None,
        flights: 0,
        updated_here: false,
        policy: Policy::default(),
        rule: Rule::Newer,
        gates: Vec::new(),
        bound: Bound::Free,
        quiet_until: None,
        door: Door::Ask,
        proof: Proof::default(),
        shown: SecretShown::Unasked,
    }
}

impl Case {
    fn decide(&self) -> (Decision, Vec<Reason>) {
        let reported = self.report.version.as_deref().map(FirmwareVersion::read);
        let mut chips: Vec<Chip> = Vec::new();
        for release in self.on_offer.iter().filter(|r| r.image.part == Part::Application) {
            let chip = release.image.chip;
            if chip.family() == Family::Esp32 && !chips.contains(&chip) {
                chips.push(chip);
            }
        }
        let part =
            if self.report.mode == Mode::FileSystem { Part::FileSystem } else { Part::Application };
        let (family, chip) = (self.report.family, self.learnt.known_chip());
        let gate = |release: &Published| {
            let wait = self.gates.iter().find(|(id, _)| *id == release.id);
            wait.map_or(Ok(()), |(_, wait)| Err(*wait))
        };
        let selection = choose(self.on_offer.iter(), &chips, part, family, chip, gate);
        let situation = Situation {
            ask: self.ask,
            report: &self.report,
            reported: reported.as_ref(),
            platforms_exist: self.platforms_exist,
            platform: self.platform.map(|(id, name, admission)| Asked {
                id,
                name,
                admission,
                gzip: self.gzip,
                floor: self.floor.as_ref(),
                rule: self.rule,
                proof: self.proof,
            }),
            door: self.door,
            shown: self.shown,
            device: self.device.map(|(approval, platform)| Standing {
                approval,
                platform,
                learnt: self.learnt,
                policy: self.policy,
            }),
            running: self
                .running
                .as_ref()
                .map(|release| Running { release, flash_mode: self.running_mode }),
            choice: selection.choice,
            waiting: selection.waiting,
            bound: self.bound,
            quiet_until: self.quiet_until,
            tally: self.tally.as_ref(),
            flights: self.flights,
            patience: &Patience::default(),
            now: NOW,
            updated_here: self.updated_here,
        };
        let mut reasons = Reasons::default();
        let decision = decide(&situation, &mut reasons);
        assert_eq!(decision, decide(&situation, &mut NoTrace), "a trace changes nothing");
        (decision, reasons.0)
    }
}

/// Changes the usual situation and expects the code of the decision.
fn expect(code: &str, change: impl FnOnce(&mut Case)) -> Decision {
    let mut case = usual();
    change(&mut case);
    let (decision, reasons) = case.decide();
    assert_eq!(decision.code(), code, "{reasons:#?}");
    let last = reasons.last().expect("a decision has a reason");
    let offered = matches!(decision, Decision::Offer(_) | Decision::Describe);
    assert_eq!(last.ok, offered, "the last reason is the one that decided: {last:?}");
    assert!(decision.text().ends_with('.'));
    decision
}

#[test]
fn the_usual_device_gets_the_newer_release_for_reasons() {
    let (decision, reasons) = usual().decide();
    assert_eq!(decision, Decision::Offer(Encoding::Plain));
    let codes: Vec<_> = reasons.iter().map(|reason| (reason.code, reason.ok)).collect();
    let rules = ["platform_known", "approved", "published", "chip", "newer", "fits", "not_stopped"];
    assert_eq!(codes, rules.map(|code| (code, true)));
}

#[test]
fn the_original_servers_errors_come_in_its_order() {
    expect("invalid_parameters", |case| {
        case.report.version = None;
        case.platforms_exist = false;
        case.platform = None;
    });
    expect("no_platforms", |case| {
        case.platforms_exist = false;
        case.platform = None;
        case.device = None;
    });
    expect("unknown_platform", |case| {
        case.platform = None;
        case.device = None;
    });
    expect("not_approved", |case| case.device = None);
    expect("not_approved", |case| case.device = Some((Approval::Pending, None)));
    expect("ignored", |case| case.device = Some((Approval::Ignored, Some((1, "chase")))));
    expect("blocked", |case| case.device = Some((Approval::Blocked, Some((1, "chase")))));
    expect("other_platform", |case| {
        case.device = Some((Approval::Approved, Some((7, "marshall"))));
    });
    expect("not_approved", |case| {
        case.ask = Ask::Newest { named: false };
        case.platform = None;
        case.device = None;
    });
}

#[test]
fn an_open_platform_takes_anyone_but_those_a_person_turned_away() {
    let open = Some((1, "chase", Admission::Any));
    for device in
        [None, Some((Approval::Pending, None)), Some((Approval::Pending, Some((1, "chase"))))]
    {
        expect("offer", |case| {
            case.platform = open;
            case.device = device;
        });
    }
    expect("blocked", |case| {
        case.platform = open;
        case.device = Some((Approval::Blocked, Some((1, "chase"))));
    });
    expect("other_platform", |case| {
        case.platform = open;
        case.device = Some((Approval::Approved, Some((7, "marshall"))));
    });
}

#[test]
fn a_pairing_window_takes_those_who_wait_and_the_chain_names_it() {
    let door = Door::Open { whose: Whose::Platform, until: NOW + 600 };
    let waits = Some((Approval::Pending, None));
    for device in [None, waits, Some((Approval::Pending, Some((1, "chase"))))] {
        expect("offer", |case| (case.door, case.device) = (door, device));
    }
    expect("blocked", |case| {
        (case.door, case.device) = (door, Some((Approval::Blocked, Some((1, "chase")))));
    });
    expect("ignored", |case| (case.door, case.device) = (door, Some((Approval::Ignored, None))));
    expect("unknown_platform", |case| {
        (case.door, case.device, case.platform) = (door, waits, None);
    });
    for shut in [Door::Ask, Door::Closed(Whose::Server), Door::PutBack] {
        expect("not_approved", |case| (case.door, case.device) = (shut, waits));
    }
    let reason = |door| {
        let case = Case { door, device: waits, ..usual() };
        let reason = case.decide().1.into_iter().find(|reason| reason.code == "approved");
        reason.map(|reason| (reason.ok, reason.text)).unwrap()
    };
    let (ok, text) = reason(door);
    assert!(ok && text.contains("The pairing window of chase is open for 10 minutes"), "{text}");
    let (ok, text) = reason(Door::Closed(Whose::Server));
    assert!(!ok && text.contains("closed to new devices"), "{text}");
}

#[test]
fn only_a_newer_version_is_offered() {
    for (reported, code) in [
        ("v1.0.2", "up_to_date"),
        ("1.0.2", "up_to_date"),
        ("v1.0.10", "up_to_date"),
        ("v1.0.1", "offer"),
        ("garbage", "offer"),
        ("", "offer"),
    ] {
        expect(code, |case| case.report.version = Some(reported.into()));
    }
    expect("nothing_published", |case| case.on_offer.clear());
}

#[test]
fn the_running_image_tells_the_version_where_the_sketch_does_not() {
    let older = release(1, "v1.0.1", Chip::Esp8266);
    let same = release(2, "v1.0.2", Chip::Esp8266);
    for named in [true, false] {
        let silent = |case: &mut Case| {
            case.report.version = None;
            case.ask = Ask::Newest { named };
        };
        expect("offer", |case| {
            silent(case);
            case.running = Some(older.clone());
        });
        expect("identical", |case| {
            silent(case);
            case.running = Some(same.clone());
        });
    }
    expect("version_unknown", |case| {
        case.report.version = None;
        case.ask = Ask::Newest { named: false };
    });
}

#[test]
fn a_sketch_whose_number_was_not_raised_does_not_get_its_own_image_again() {
    let decision = expect("identical_but_reports", |case| {
        case.running = Some(release(2, "v1.0.2", Chip::Esp8266));
    });
    assert!(decision.text().contains("v1.0.2, but it says v1.0.1"));
}

#[test]
fn a_file_needs_no_version_but_everything_else() {
    let file = |case: &mut Case| {
        case.ask = Ask::File;
        case.report.version = None;
        case.report.dev = None;
    };
    expect("offer", file);
    expect("not_approved", |case| {
        file(case);
        case.device = None;
    });
    expect("identical", |case| {
        file(case);
        case.running = Some(release(2, "v1.0.2", Chip::Esp8266));
    });
    expect("too_big", |case| {
        file(case);
        case.report.free_space = Some(100_000);
    });
}

#[test]
fn an_image_must_fit_by_the_rule_of_the_family() {
    for (free, code) in [(401_408, "offer"), (401_407, "too_big"), (0, "too_big")] {
        expect(code, |case| case.report.free_space = Some(free));
    }
    for (free, code) in [(400_000, "offer"), (399_999, "too_big"), (0, "no_slot")] {
        expect(code, |case| {
            case.report.family = Family::Esp32;
            case.on_offer = vec![release(2, "v1.0.2", Chip::Esp32)];
            case.report.free_space = Some(free);
        });
    }
    expect("offer", |case| case.report.free_space = None);
}

#[test]
fn nothing_crosses_the_families() {
    expect("wrong_family", |case| {
        case.on_offer = vec![release(2, "v1.0.2", Chip::Esp32)];
    });
    expect("wrong_family", |case| {
        case.ask = Ask::File;
        case.on_offer = vec![release(2, "v1.0.2", Chip::Esp32C3)];
    });
    for (guess, code) in [(Chip::Esp32, "wrong_family"), (Chip::Esp8266, "offer")] {
        expect(code, |case| {
            let mut unsure = release(2, "v1.0.2", guess);
            unsure.image.chip_certain = false;
            case.on_offer = vec![unsure];
        });
    }
}

#[test]
fn modes_have_their_own_answers() {
    let version = |case: &mut Case| case.report.mode = Mode::Version;
    expect("describe", version);
    expect("describe", |case| {
        version(case);
        case.report.version = Some("v1.0.2".into());
    });
    expect("nothing_to_describe", |case| {
        version(case);
        case.on_offer.clear();
    });
    expect("not_approved", |case| {
        version(case);
        case.device = None;
    });
    for mode in [Mode::FileSystem, Mode::Unknown] {
        expect("mode_unsupported", |case| case.report.mode = mode);
    }
}

#[test]
fn tasmota_takes_two_steps() {
    let tasmota = |case: &mut Case| {
        case.report.version = Some("14.4.0(release-tasmota)".into());
        case.on_offer = vec![release(2, "14.4.1", Chip::Esp8266)];
        case.report.free_space = Some(100_000);
    };
    expect("offer", tasmota);
    expect("offer", |case| {
        tasmota(case);
        case.report.version = Some("14.4.1(minimal)".into());
    });
    expect("up_to_date", |case| {
        tasmota(case);
        case.report.version = Some("14.4.1(release-tasmota)".into());
    });
    expect("offer", |case| {
        tasmota(case);
        case.ask = Ask::File;
        case.platform = Some((3, "chase-minimal", Admission::Approved));
    });
    expect("other_platform", |case| {
        case.ask = Ask::File;
        case.platform = Some((3, "chase-minimal", Admission::Approved));
    });
}

#[test]
fn the_loop_breaker_has_the_last_word() {
    let tally = Tally::new(2, Part::Application);
    for (tally, flights, code) in [
        (Tally { delivered: 2, ..tally }, 0, "offer"),
        (Tally { delivered: 3, ..tally }, 0, "stopped"),
        (Tally { delivered: 2, ..tally }, 1, "downloading"),
        (Tally { retry_at: Some(NOW + 1), ..tally }, 0, "retry_later"),
        (Tally { retry_at: Some(NOW), ..tally }, 0, "offer"),
        (Tally { aborted: 10, aborted_since: NOW, ..tally }, 0, "transfers_broke"),
        (Tally { hold: Some(Hold::RolledBack), ..tally }, 0, "rolled_back"),
        (Tally { hold: Some(Hold::ReportsOther), ..tally }, 0, "reports_other"),
        (Tally { hold: Some(Hold::ByHand), ..tally }, 0, "held"),
    ] {
        let decision = expect(code, |case| {
            case.tally = Some(tally);
            case.flights = flights;
        });
        assert_eq!(decision.is_held(), tally.hold.is_some() || tally.delivered == 3, "{code}");
    }
    expect("downloading", |case| case.flights = 3);
    expect("up_to_date", |case| {
        case.tally = Some(Tally { delivered: 3, ..tally });
        case.report.version = Some("v1.0.2".into());
    });
}

/// An ESP32 for which there are images for three chips.
fn three_chips(case: &mut Case) {
    case.report.family = Family::Esp32;
    case.on_offer = vec![
        release(2, "v1.0.2", Chip::Esp8266),
        release(3, "v1.0.2", Chip::Esp32),
        release(4, "v1.0.2", Chip::Esp32C3),
    ];
}

#[test]
fn the_chip_decides_among_several_images() {
    let decision = expect("chip_unknown", three_chips);
    assert!(decision.text().contains("ESP32, ESP32-C3"), "{}", decision.text());
    for (chip, code) in
        [(Chip::Esp32, "offer"), (Chip::Esp32C3, "offer"), (Chip::Esp32S3, "wrong_chip")]
    {
        for from in [ChipFrom::Running, ChipFrom::Person, ChipFrom::Told] {
            expect(code, |case| {
                three_chips(case);
                case.learnt.chip = Some((chip, from));
            });
        }
    }
    expect("offer", |case| {
        three_chips(case);
        case.report.family = Family::Esp8266;
    });
    expect("offer", |case| {
        case.report.family = Family::Esp32;
        case.on_offer = vec![release(3, "v1.0.2", Chip::Esp32C3)];
    });
    expect("wrong_chip", |case| {
        case.report.family = Family::Esp32;
        case.on_offer = vec![release(3, "v1.0.2", Chip::Esp32C3)];
        case.learnt.chip = Some((Chip::Esp32, ChipFrom::Running));
    });
}

#[test]
fn nothing_below_the_floor_is_offered() {
    for (floor, code) in [("v1.0.2", "offer"), ("v1.0.3", "below_floor"), ("v0.9", "offer")] {
        expect(code, |case| case.floor = Some(FirmwareVersion::read(floor)));
    }
}

#[test]
fn signed_once_is_signed_for_ever() {
    for learnt in [
        Learnt { ran_signed: true, ..Learnt::default() },
        Learnt { verifies: true, ..Learnt::default() },
    ] {
        expect("unsigned", |case| case.learnt = learnt);
        expect("offer", |case| {
            case.learnt = learnt;
            case.on_offer[0].image.signed = true;
        });
    }
}

#[test]
fn an_esp8266_gets_no_image_for_more_flash_than_it_has() {
    for (chip_size, code) in [(4 << 20, "offer"), (8 << 20, "offer"), (1 << 20, "flash_too_small")]
    {
        expect(code, |case| case.report.chip_size = Some(chip_size));
    }
    expect("offer", |case| case.report.chip_size = None);
    expect("offer", |case| {
        // Its updater does not compare; the boot loader's own header counts.
        case.report.family = Family::Esp32;
        case.on_offer = vec![release(2, "v1.0.2", Chip::Esp32)];
        case.report.chip_size = Some(2 << 20);
    });
}

/// An ESP8266 that runs a known image, and a release that is there compressed too.
fn packed(case: &mut Case) {
    case.running = Some(release(1, "v1.0.1", Chip::Esp8266));
    case.running_mode = Some(2);
    let sha256 = Sha256([9; 32]);
    let form = Packed { sha256, md5: Md5([9; 16]), size: 280_000, signed: false, uploaded: false };
    case.on_offer[0].image.packed = Some(form);
}

/// Changes that situation and expects the form in which the image is sent.
fn sent(encoding: Encoding, change: impl FnOnce(&mut Case)) {
    let mut case = usual();
    packed(&mut case);
    change(&mut case);
    assert_eq!(case.decide().0, Decision::Offer(encoding));
}

#[test]
fn gzip_goes_only_to_a_device_that_unpacks_it_in_the_same_flash_mode() {
    use Encoding::{Packed, Plain};
    sent(Packed, |_| {});
    sent(Plain, |case| case.running_mode = Some(0));
    sent(Plain, |case| case.running_mode = None);
    sent(Plain, |case| case.running = None);
    sent(Plain, |case| case.running.as_mut().unwrap().image.unpacks = false);
    sent(Packed, |case| {
        case.running.as_mut().unwrap().image.unpacks = false;
        case.learnt.gzip = Some(GzipTried::Taken);
    });
    sent(Plain, |case| case.learnt.gzip = Some(GzipTried::Failed));
    sent(Plain, |case| case.gzip = GzipPolicy::Off);
    sent(Plain, |case| case.ask = Ask::File);
    sent(Plain, |case| case.on_offer[0].image.flash_mode = None);
}

#[test]
fn always_means_always_but_never_against_what_is_known() {
    use Encoding::{Packed, Plain};
    let always = |case: &mut Case| {
        case.gzip = GzipPolicy::Always;
        case.running = None;
        case.running_mode = None;
    };
    sent(Packed, always);
    sent(Plain, |case| {
        always(case);
        case.learnt.gzip = Some(GzipTried::Failed);
    });
    sent(Plain, |case| {
        case.gzip = GzipPolicy::Always;
        case.running_mode = Some(0);
    });
    sent(Plain, |case| {
        always(case);
        case.report.family = Family::Esp32;
        case.on_offer[0].image.chip = Chip::Esp32;
    });
}

#[test]
fn gzip_needs_room_to_be_unpacked() {
    // 400,000 bytes take 401,408, and 280,000 take 282,624; the program takes 401,408.
    sent(Encoding::Packed, |case| case.report.free_space = Some(282_624));
    let text = expect("too_big", |case| {
        packed(case);
        case.report.free_space = Some(282_623);
    })
    .text();
    assert!(text.contains("no room to unpack"), "{text}");
    expect("too_big", |case| {
        packed(case);
        case.gzip = GzipPolicy::Off;
        case.report.free_space = Some(300_000);
    });
}

#[test]
fn signed_gzip_goes_only_to_a_device_that_checks_signatures() {
    let signed = |case: &mut Case| {
        packed(case);
        let form = case.on_offer[0].image.packed.as_mut().unwrap();
        (form.signed, form.uploaded) = (true, true);
        case.on_offer[0].image.signed = true;
    };
    expect("signed_gzip", signed);
    for ask in [Ask::Newest { named: true }, Ask::File] {
        sent(Encoding::Packed, |case| {
            signed(case);
            case.learnt.verifies = true;
            case.ask = ask;
        });
    }
    expect("signed_gzip", |case| {
        signed(case);
        case.learnt.ran_signed = true;
    });
}

/// A device that asks for files, and a release that has some.
fn files(case: &mut Case) {
    case.report.mode = Mode::FileSystem;
    let mut files = release(5, "v1.0.2", Chip::Esp8266);
    files.image.part = Part::FileSystem;
    files.image.chip_certain = false;
    files.image.size = 1 << 20;
    files.image.flash_size = None;
    case.on_offer.push(files);
}

#[test]
fn files_go_to_those_who_ask_for_files() {
    expect("offer", files);
    expect("mode_unsupported", |case| case.report.mode = Mode::FileSystem);
    expect("up_to_date", |case| {
        files(case);
        case.report.version = Some("v1.0.2".into());
    });
    expect("offer", |case| {
        files(case);
        case.report.version = Some("v1.0.2".into());
        case.updated_here = true;
    });
    expect("files_taken", |case| {
        files(case);
        case.tally = Some(Tally { delivered: 1, ..Tally::new(5, Part::FileSystem) });
    });
    expect("offer", |case| {
        // The room beside the program is not the room for files.
        files(case);
        case.report.free_space = Some(4096);
    });
    expect("flash_too_small", |case| {
        files(case);
        case.report.chip_size = Some(1 << 20);
    });
    expect("nothing_published", |case| {
        files(case);
        case.on_offer.remove(0);
        case.report.mode = Mode::Sketch;
    });
    expect("offer", |case| {
        files(case);
        case.report.family = Family::Esp32;
    });
}

#[test]
fn what_people_decide_about_a_device() {
    let has_it = |case: &mut Case| case.report.version = Some("v1.0.2".into());
    let above = |case: &mut Case| case.report.version = Some("v1.0.3".into());
    expect("updates_off", |case| case.policy.updates_off = true);
    expect("up_to_date", |case| {
        case.policy.updates_off = true;
        has_it(case);
    });
    expect("quiet_hours", |case| case.quiet_until = Some(NOW + 60));
    expect("up_to_date", above);
    expect("offer", |case| {
        case.rule = Rule::Different;
        above(case);
    });
    expect("up_to_date", |case| {
        case.rule = Rule::Different;
        has_it(case);
    });
    expect("offer", |case| {
        case.bound = Bound::Recalled;
        above(case);
    });
    expect("offer", |case| {
        case.bound = Bound::Pinned;
        above(case);
    });
    expect("pinned", |case| {
        case.bound = Bound::Pinned;
        has_it(case);
    });
    expect("pinned_to_nothing", |case| {
        case.bound = Bound::Pinned;
        case.on_offer.clear();
    });
    // A floor does not hold against a person's hand.
    let floor = |case: &mut Case| case.floor = Some(FirmwareVersion::read("v2.0.0"));
    expect("below_floor", floor);
    expect("offer", |case| {
        case.bound = Bound::Pinned;
        floor(case);
    });
}

#[test]
fn a_rollout_keeps_the_newest_back_and_the_one_before_is_given() {
    let stage = GateWait::Stage { stage: 1, stages: 2 };
    let rolling = |case: &mut Case| {
        case.on_offer.insert(0, release(3, "v1.0.3", Chip::Esp8266));
        case.gates.push((3, stage));
    };
    // It runs v1.0.1: v1.0.2 is for everyone.
    expect("offer", rolling);
    expect("rollout_waiting", |case| {
        rolling(case);
        case.report.version = Some("v1.0.2".into());
    });
    expect("up_to_date", |case| {
        rolling(case);
        case.report.version = Some("v1.0.3".into());
    });
    for (wait, code) in [
        (GateWait::OtherGroup, "other_group"),
        (GateWait::Scheduled(Some(NOW)), "rollout_scheduled"),
        (GateWait::Full { exposed: 10 }, "rollout_full"),
        (GateWait::Paused, "rollout_paused"),
        (GateWait::Halted, "rollout_halted"),
        (GateWait::Ended, "rollout_ended"),
    ] {
        // The only release there is.
        expect(code, |case| case.gates.push((2, wait)));
    }
    // It has what there is, though the rollout of that would not give it now.
    for wait in [GateWait::OtherGroup, stage, GateWait::Halted, GateWait::Ended] {
        for version in ["v1.0.2", "v1.0.3"] {
            let decision = expect("up_to_date", |case| {
                case.gates.push((2, wait));
                case.report.version = Some(version.into());
            });
            assert_eq!(decision.text(), "It is up to date.");
        }
        expect("up_to_date", |case| {
            case.gates.push((2, wait));
            case.running = Some(case.on_offer[0].clone());
        });
    }
    // What came of the release before says nothing about the one that it waits for.
    expect("rollout_waiting", |case| {
        rolling(case);
        let mut tally = Tally::new(2, Part::Application);
        tally.hold(Hold::ByHand);
        case.tally = Some(tally);
    });
    expect("rollout_waiting", |case| {
        rolling(case);
        case.running = Some(case.on_offer[1].clone());
    });
    // Its files are kept back with it.
    expect("rollout_halted", |case| {
        case.gates.push((2, GateWait::Halted));
        case.report.version = Some("v1.0.1".into());
        case.ask = Ask::Newest { named: false };
    });
}

#[test]
fn proof_comes_before_approval_and_only_where_it_is_demanded() {
    let demanded = Proof { kind: ProofKind::Shared, demanded: true };
    let accepted = Proof { demanded: false, ..demanded };
    let (approved, pending) = (usual().device, Some((Approval::Pending, None)));
    for (proof, shown, device, code) in [
        (Proof::default(), SecretShown::Missing, approved, "offer"),
        (accepted, SecretShown::Missing, approved, "offer"),
        (accepted, SecretShown::Wrong, approved, "offer"),
        (accepted, SecretShown::Missing, pending, "not_approved"),
        (demanded, SecretShown::Right(1), approved, "offer"),
        (demanded, SecretShown::Right(1), pending, "not_approved"),
        (demanded, SecretShown::Unasked, approved, "secret_missing"),
        (demanded, SecretShown::Missing, approved, "secret_missing"),
        (demanded, SecretShown::Missing, pending, "secret_missing"),
        (demanded, SecretShown::Wrong, approved, "secret_wrong"),
        (demanded, SecretShown::Ended, approved, "secret_ended"),
        (demanded, SecretShown::TooOften, approved, "secret_throttled"),
        (Proof { kind: ProofKind::None, ..demanded }, SecretShown::Missing, approved, "offer"),
    ] {
        let case = Case { device, proof, shown, ..usual() };
        let (decision, reasons) = case.decide();
        assert_eq!(decision.code(), code, "{proof:?} {shown:?} {device:?}");
        let reason = reasons.iter().find(|reason| reason.code == "proof");
        assert_eq!(reason.is_some(), proof.kind != ProofKind::None);
        assert_eq!(reason.is_some_and(|reason| !reason.ok), decision.is_unproven());
    }
}

#[test]
fn nothing_gets_past_a_missing_proof() {
    let proof = Proof { kind: ProofKind::PerDevice, demanded: true };
    for mode in [Mode::Sketch, Mode::Version, Mode::FileSystem, Mode::Unknown] {
        for ask in [Ask::Newest { named: true }, Ask::Newest { named: false }, Ask::File] {
            for admission in [Admission::Approved, Admission::Any] {
                let mut case = Case { proof, shown: SecretShown::Missing, ask, ..usual() };
                case.report.mode = mode;
                case.platform = Some((1, "chase", admission));
                case.device = Some((Approval::Pending, None));
                assert_eq!(case.decide().0.code(), "secret_missing", "{mode:?} {ask:?}");
                case.device = usual().device;
                assert_eq!(case.decide().0.code(), "secret_missing", "{mode:?} {ask:?}");
            }
        }
    }
}

#[test]
fn an_open_platform_lets_in_who_has_the_secret() {
    let proof = Proof { kind: ProofKind::Shared, demanded: true };
    let open = Case {
        platform: Some((1, "chase", Admission::Any)),
        device: Some((Approval::Pending, None)),
        proof,
        shown: SecretShown::Right(1),
        ..usual()
    };
    assert_eq!(open.decide().0.code(), "offer");
    let without = Case { shown: SecretShown::Wrong, ..open };
    assert_eq!(without.decide().0.code(), "secret_wrong");
}
