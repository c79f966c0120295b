//! What devices do, without a server.

use espalier::domain::chip::Chip;

use super::*;
use crate::sim::library::Build;

const NOW: Timestamp = 1_767_225_600;

/// A library with two releases of one platform.
fn library(breaks: u32) -> Library {
    let builds = ["v1.0.0", "v1.1.0"].map(|version| {
        let mut build = Build::new(0, "meter", version, Chip::Esp32, 32);
        build.breaks = if version == "v1.1.0" { breaks } else { 0 };
        build
    });
    Library(builds.into())
}

fn breed(seed: u64, mix: &str) -> Breed {
    Breed { seed, mix: mix.parse().unwrap(), fastest: 60 }
}

/// A device of this behaviour that runs the first release.
fn device(behaviour: Behaviour, library: &Library) -> Device {
    let mix = format!("{}:100", behaviour.word());
    let breed = breed(1, if behaviour == Behaviour::Normal { "" } else { &mix });
    let found = (0..).map(|number| Device::new(number, &breed, library, 0));
    found
        .into_iter()
        .find(|device| device.runs() == Some(0) && device.core == Core::Current)
        .unwrap()
}

fn not_modified() -> Heard {
    Heard { status: Some(304), ..Heard::default() }
}

/// The second release, taken whole.
fn image(library: &Library) -> Heard {
    let image = Some(super::super::firmware::md5(&library.0[1].bytes));
    let file = Some("attachment; filename=\"meter_1_1_0.bin\"".to_owned());
    Heard { status: Some(200), image, file, whole: true, bytes: 1, ..Heard::default() }
}

fn text(device: &mut Device) -> String {
    String::from_utf8(device.asks("meter").request).unwrap()
}

#[test]
fn the_same_seed_makes_the_same_device() {
    let library = library(0);
    for number in 0..200 {
        let make = |seed| {
            let mut device = Device::new(number, &breed(seed, Mix::REALISTIC), &library, 0);
            (device.first(), device.asks("meter").request, device.behaviour)
        };
        assert_eq!(make(1), make(1));
    }
}

#[test]
fn a_device_takes_an_update_and_comes_back_with_it_soon() {
    let library = library(0);
    let mut device = device(Behaviour::Normal, &library);
    assert!(text(&mut device).contains("ver=v1.0.0"));
    let next = device.hears(NOW, b"a", &[image(&library)], &library);
    assert!(next.is_some_and(|seconds| seconds <= 60), "{next:?}");
    assert!(text(&mut device).contains("ver=v1.1.0"));
    assert_eq!(device.log.offer(1).unwrap().ran, None, "nobody has heard of it yet");
    let next = device.hears(NOW + 9, b"b", &[not_modified()], &library);
    assert!(next.is_some_and(|seconds| seconds >= device.rhythm * 9 / 10), "{next:?}");
    let offers = device.log.offer(1).unwrap();
    assert_eq!((offers.whole, offers.installed, offers.ran), (1, Some(NOW), Some(NOW + 9)));
}

#[test]
fn a_device_that_nobody_answers_asks_again_and_counts_nothing() {
    let library = library(0);
    let mut device = device(Behaviour::Normal, &library);
    let next = device.hears(NOW, b"a", &[Heard::default()], &library);
    assert!(next.is_some_and(|seconds| (30..=120).contains(&seconds)));
    assert_eq!((device.log.answered, device.log.failed), (0, 1));
    assert!(!device.asks("meter").again);
}

#[test]
fn only_the_same_words_are_the_same_question() {
    let library = library(0);
    let mut device = device(Behaviour::Normal, &library);
    let ask = device.asks("meter");
    assert!(!ask.again);
    device.hears(NOW, &ask.request, &[not_modified()], &library);
    assert!(device.asks("meter").again);
    device.hears(NOW, &ask.request, &[image(&library)], &library);
    assert!(!device.asks("meter").again, "it runs something else now");
}

#[test]
fn what_refuses_comes_back_as_it_was_and_what_is_stuck_as_the_new_image_with_the_old_version() {
    let library = library(0);
    let mut refuses = device(Behaviour::Refuses, &library);
    let before = text(&mut refuses);
    refuses.hears(NOW, b"a", &[image(&library)], &library);
    assert_eq!(text(&mut refuses), before);
    let mut stuck = device(Behaviour::Stuck, &library);
    let before = text(&mut stuck);
    stuck.hears(NOW, b"a", &[image(&library)], &library);
    let after = text(&mut stuck);
    assert!(after.contains("ver=v1.0.0") && after != before, "another MD5");
}

#[test]
fn a_boot_loop_ends_in_the_old_image_or_in_silence() {
    let library = library(0);
    let mut device = device(Behaviour::BootLoop, &library);
    let mut next = device.hears(NOW, b"a", &[image(&library)], &library);
    let mut polls = 0;
    while device.runs() == Some(1) && next.is_some() {
        next = device.hears(NOW, b"a", &[not_modified()], &library);
        polls += 1;
        assert!(next.is_none_or(|seconds| seconds <= 60) && polls <= 5);
    }
    assert!(polls >= 2);
    assert!(device.is_gone() || text(&mut device).contains("ver=v1.0.0"));
}

#[test]
fn what_falls_silent_never_asks_again() {
    let library = library(0);
    let mut device = device(Behaviour::Silent, &library);
    assert_eq!(device.hears(NOW, b"a", &[image(&library)], &library), None);
    assert!(device.is_gone() && !device.log.bricked);
}

#[test]
fn a_broken_transfer_installs_nothing() {
    let library = library(0);
    for behaviour in [Behaviour::Weak, Behaviour::PowerCut] {
        let mut device = device(behaviour, &library);
        let broken = Heard { image: None, whole: false, reset: true, ..image(&library) };
        assert!(device.hears(NOW, b"a", &[broken], &library).is_some());
        let reset = Heard { reset: true, ..image(&library) };
        assert!(device.hears(NOW + 60, b"a", &[reset], &library).is_some());
        let offers = device.log.offer(1).unwrap();
        assert_eq!((offers.whole, offers.broken.len(), device.runs()), (1, 1, Some(0)));
    }
}

#[test]
fn a_broken_release_breaks_some_and_the_others_run_it() {
    let library = library(30);
    let breed = breed(1, "");
    let runs = |number| {
        let mut device = Device::new(number, &breed, &library, 0);
        device.hears(NOW, b"a", &[image(&library)], &library);
        device.runs() == Some(1) && device.trial.is_none()
    };
    let well = (0..2_000).filter(|number| runs(*number)).count();
    assert!((1_300..1_500).contains(&well), "{well}");
}

#[test]
fn liars_say_something_else_and_write_their_address_as_they_like() {
    let library = library(0);
    let mut device = device(Behaviour::Liar, &library);
    let said: std::collections::BTreeSet<String> = (0..40).map(|_| text(&mut device)).collect();
    assert!(said.len() > 10);
    assert!(said.iter().any(|text| text.contains(&device.mac.hex())));
}

#[test]
fn an_answer_that_it_may_not_get_is_odd() {
    let library = library(0);
    let failure = Heard { status: Some(500), ..Heard::default() };
    let mut device = device(Behaviour::Normal, &library);
    device.hears(NOW, b"a", &[not_modified()], &library);
    assert_eq!(device.log.odd, None);
    device.hears(NOW, b"a", &[failure], &library);
    assert!(device.log.odd.as_deref().is_some_and(|odd| odd.contains("500")));
}
