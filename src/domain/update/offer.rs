//! Whether a device that may ask is offered the release there is for it, and in which form.

use super::newer::{newer, newer_files};
use super::packing::{Encoding, packed_for};
use super::sentences::{wrong_chip, wrong_family};
use super::space::{Room, flash_too_small, kib, room_for};
use super::{Ask, Choice, Family, NoUpdate, Published, Situation, Trace, Wait};

/// The application for a device.
pub(super) fn application(
    situation: &Situation<'_>,
    trace: &mut impl Trace,
) -> Result<Encoding, NoUpdate> {
    let release = chosen(situation, trace)?;
    above_floor(situation, release, trace)?;
    newer(situation, release, trace)?;
    updates_on(situation, trace)?;
    signed(situation, release, trace)?;
    flash_size(situation, release, trace)?;
    let encoding = fits(situation, release, trace)?;
    not_stopped(situation, release, trace)?;
    not_quiet(situation, trace)?;
    Ok(encoding)
}

/// The file system for a device. It goes by the version alone: nothing tells which files a device
/// has, so that each image is delivered once, and never again without a person's word.
pub(super) fn file_system(
    situation: &Situation<'_>,
    trace: &mut impl Trace,
) -> Result<Encoding, NoUpdate> {
    let release = chosen(situation, trace)?;
    above_floor(situation, release, trace)?;
    if situation.tally.is_some_and(|tally| tally.delivered > 0) {
        trace.note("not_stopped", false, || "It took these files already.".into());
        return Err(NoUpdate::FilesTaken);
    }
    newer_files(situation, release, trace)?;
    updates_on(situation, trace)?;
    flash_size(situation, release, trace)?;
    not_stopped(situation, release, trace)?;
    not_quiet(situation, trace)?;
    Ok(Encoding::Plain)
}

/// The release there is for the device's chip.
fn chosen<'a>(
    situation: &Situation<'a>,
    trace: &mut impl Trace,
) -> Result<&'a Published, NoUpdate> {
    let family = situation.report.family;
    let release = match situation.choice {
        Choice::One(release) => release,
        Choice::Several(chips) => {
            let unknown = NoUpdate::ChipUnknown { chips: chips.to_vec() };
            trace.note("chip", false, || unknown.text());
            return Err(unknown);
        }
        Choice::Foreign(image) => return Err(foreign(situation, image, trace)),
        Choice::Nothing if situation.is_pinned() => {
            trace.note("published", false, || NoUpdate::PinnedToNothing.text());
            return Err(NoUpdate::PinnedToNothing);
        }
        Choice::Nothing => {
            trace.note("published", false, || match situation.waiting {
                Some(waiting) => format!(
                    "{} is published, but its rollout does not let every device have it.",
                    waiting.release.version
                ),
                None => "Nothing is published for its platform.".into(),
            });
            return Err(NoUpdate::NothingPublished);
        }
    };
    trace.note("published", true, || {
        let why = if situation.is_pinned() { "It is pinned: " } else { "" };
        format!("{why}{} is the release for it.", release.version)
    });
    let image = &release.image;
    if !image.suits(family, situation.learnt().known_chip()) {
        return Err(foreign(situation, image.chip, trace));
    }
    trace.note("chip", true, || {
        if image.chip_certain {
            format!("The image is for {}.", image.chip)
        } else if image.is_for_any_chip() {
            "The files are for any chip.".into()
        } else {
            format!("The image is probably for {}; its structure does not prove it.", image.chip)
        }
    });
    Ok(release)
}

fn foreign(situation: &Situation<'_>, image: super::Chip, trace: &mut impl Trace) -> NoUpdate {
    let device = situation.report.family;
    match situation.learnt().known_chip() {
        Some(chip) if image.family() == device => {
            trace.note("chip", false, || wrong_chip(chip, image));
            NoUpdate::WrongChip { device: chip, image }
        }
        _ => {
            trace.note("chip", false, || wrong_family(device, image));
            NoUpdate::WrongFamily { device, image }
        }
    }
}

/// A platform's floor holds against everything but a person's hand.
fn above_floor(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let floor = situation.platform.and_then(|platform| platform.floor);
    let Some(floor) = floor.filter(|_| !situation.is_pinned()) else {
        return Ok(());
    };
    let above = release.version >= *floor;
    trace.note("floor", above, || {
        let word = if above { "not below" } else { "below" };
        format!("{} is {word} {floor}, the lowest version of the platform.", release.version)
    });
    if above { Ok(()) } else { Err(NoUpdate::BelowFloor { floor: floor.to_string() }) }
}

fn updates_on(situation: &Situation<'_>, trace: &mut impl Trace) -> Result<(), NoUpdate> {
    if !situation.device.is_some_and(|device| device.policy.updates_off) {
        return Ok(());
    }
    trace.note("updates_on", false, || NoUpdate::UpdatesOff.text());
    Err(NoUpdate::UpdatesOff)
}

fn not_quiet(situation: &Situation<'_>, trace: &mut impl Trace) -> Result<(), NoUpdate> {
    let Some(until) = situation.quiet_until else { return Ok(()) };
    let quiet = NoUpdate::QuietHours { until, now: situation.now };
    trace.note("quiet_hours", false, || quiet.text());
    Err(quiet)
}

/// Signed once, signed for ever.
fn signed(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let learnt = situation.learnt();
    if !learnt.ran_signed && !learnt.verifies {
        return Ok(());
    }
    let image = &release.image;
    let signed = image.signed || image.packed.as_ref().is_some_and(|packed| packed.signed);
    trace.note("signed", signed, || {
        if signed { "The image is signed.".into() } else { NoUpdate::Unsigned.text() }
    });
    if signed { Ok(()) } else { Err(NoUpdate::Unsigned) }
}

fn flash_size(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let Some((needs, has)) = flash_too_small(situation.report, &release.image) else {
        return Ok(());
    };
    let too_small = NoUpdate::FlashTooSmall { part: release.image.part, needs, has };
    trace.note("flash_size", false, || too_small.text());
    Err(too_small)
}

/// Whether the image fits, and in which form it is sent.
fn fits(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<Encoding, NoUpdate> {
    let (report, image) = (situation.report, &release.image);
    // A file by its address is sent as its name says.
    let by_name = situation.ask == Ask::File && image.may_go_plain();
    let packed =
        if by_name { Err("it asked for the plain file") } else { packed_for(situation, image) };
    match packed {
        Ok(packed) => {
            trace.note("fits", true, || {
                let (plain, sent) = (kib(image.size), kib(packed.size));
                format!("It is sent compressed: {sent} instead of {plain}.")
            });
            return Ok(Encoding::Packed);
        }
        Err(why) if !image.may_go_plain() => {
            trace.note("fits", false, || format!("It is signed gzip, which is not sent: {why}."));
            return Err(NoUpdate::SignedGzip);
        }
        Err(_) => {}
    }
    match room_for(report, image.size, None) {
        Room::Enough | Room::WithGzip => {
            trace.note("fits", true, || {
                let room = match report.free_space {
                    None => "It did not say how much space it has.".to_owned(),
                    Some(free) => {
                        let needs = super::needed_space(report.family, image.size);
                        format!("It needs {} of {} that are free.", kib(needs), kib(free.into()))
                    }
                };
                match packed.err().filter(|_| image.packed.is_some()) {
                    Some(why) => format!("{room} It is sent as it is: {why}."),
                    None => room,
                }
            });
            Ok(Encoding::Plain)
        }
        Room::NoSlot => {
            trace.note("fits", false, || "It has no slot for updates (OTA partition).".into());
            Err(NoUpdate::NoSlot)
        }
        Room::TooLittle { .. } if report.is_tasmota() && report.family == Family::Esp8266 => {
            trace.note("fits", true, || {
                "Too big, but Tasmota needs to see the true length to start its two-step update."
                    .into()
            });
            Ok(Encoding::Plain)
        }
        Room::TooLittle { needs, free } => {
            let gzip = packed.err().filter(|_| image.packed.is_some());
            let too_big = NoUpdate::TooBig { needs, free, gzip };
            trace.note("fits", false, || too_big.text());
            Err(too_big)
        }
    }
}

fn not_stopped(
    situation: &Situation<'_>,
    release: &Published,
    trace: &mut impl Trace,
) -> Result<(), NoUpdate> {
    let Situation { patience, now, flights, .. } = *situation;
    let allowed = match situation.tally {
        Some(tally) => tally.allows(flights, patience, now),
        None if flights >= patience.limit => Err(Wait::Downloading),
        None => Ok(()),
    };
    let Err(wait) = allowed else {
        trace.note("not_stopped", true, || "No download of it was in vain.".into());
        return Ok(());
    };
    let version = release.version.to_string();
    let old_image = situation.report.sketch_md5.is_some();
    let held = NoUpdate::OnHold { wait, version, old_image, now };
    trace.note("not_stopped", false, || held.text());
    Err(held)
}
