//! What a device gets, as tables: a plain situation, one thing changed, the outcome.

use super::*;
use crate::domain::digest::{Md5, Sha256};
use crate::domain::mac::MacAddr;
use crate::domain::release::Image;

/// A situation that owns what it is made of: an approved ESP8266 of platform chase that runs
/// v1.0.1, where v1.0.2 is published.
#[derive(Clone)]
struct Case {
    ask: Ask,
    report: Report,
    platforms_exist: bool,
    platform: Option<(i64, &'static str, Admission)>,
    device: Option<(Approval, Option<(i64, &'static str)>)>,
    running: Option<Published>,
    release: Option<Published>,
    foreign: Option<Chip>,
    deliveries: u32,
}

fn release(id: i64, version: &str, chip: Chip) -> Published {
    let byte = u8::try_from(id).unwrap();
    let image = Image {
        sha256: Sha256([byte; 32]),
        md5: Md5([byte; 16]),
        size: 400_000,
        chip,
        chip_certain: true,
        appended_sha256: None,
        file_name: "firmware.bin".to_owned(),
    };
    let version = FirmwareVersion::read(version);
    Published { id, platform_id: 1, version, image, published_at: 0 }
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
        running: None,
        release: Some(release(2, "v1.0.2", Chip::Esp8266)),
        foreign: None,
        deliveries: 0,
    }
}

impl Case {
    fn decide(&self) -> (Decision, Vec<Reason>) {
        let reported = self.report.version.as_deref().map(FirmwareVersion::read);
        let situation = Situation {
            ask: self.ask,
            report: &self.report,
            reported: reported.as_ref(),
            platforms_exist: self.platforms_exist,
            platform: self.platform.map(|(id, name, admission)| Asked { id, name, admission }),
            device: self.device.map(|(approval, platform)| Standing { approval, platform }),
            running: self.running.as_ref(),
            release: self.release.as_ref(),
            foreign: self.foreign,
            deliveries: self.deliveries,
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
    let offered = matches!(decision, Decision::Offer | Decision::Describe);
    assert_eq!(last.ok, offered, "the last reason is the one that decided: {last:?}");
    assert!(decision.text().ends_with('.'));
    decision
}

#[test]
fn the_usual_device_gets_the_newer_release_for_reasons() {
    let (decision, reasons) = usual().decide();
    assert_eq!(decision, Decision::Offer);
    let codes: Vec<_> = reasons.iter().map(|reason| (reason.code, reason.ok)).collect();
    let rules =
        ["platform_known", "approved", "published", "family", "newer", "fits", "not_stopped"];
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
    expect("nothing_published", |case| case.release = None);
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
            case.release = Some(release(2, "v1.0.2", Chip::Esp32));
            case.report.free_space = Some(free);
        });
    }
    expect("offer", |case| case.report.free_space = None);
}

#[test]
fn nothing_crosses_the_families() {
    expect("wrong_family", |case| {
        case.release = None;
        case.foreign = Some(Chip::Esp32);
    });
    expect("wrong_family", |case| {
        case.ask = Ask::File;
        case.release = Some(release(2, "v1.0.2", Chip::Esp32C3));
    });
    expect("offer", |case| {
        let mut unsure = release(2, "v1.0.2", Chip::Esp32);
        unsure.image.chip_certain = false;
        case.release = Some(unsure);
    });
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
        case.release = None;
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
        case.release = Some(release(2, "14.4.1", Chip::Esp8266));
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
fn what_was_delivered_twice_without_any_change_is_not_offered_again() {
    expect("offer", |case| case.deliveries = 1);
    expect("stopped", |case| case.deliveries = 2);
    expect("up_to_date", |case| {
        case.deliveries = 2;
        case.report.version = Some("v1.0.2".into());
    });
}
