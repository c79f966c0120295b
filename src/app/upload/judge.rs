//! What can be said about publishing an image, and what only a person can answer.

use super::examined::warned;
use super::fits::Previous;
use super::{Examined, ReportCard, Wishes};
use crate::app::{App, Error};
use crate::domain::image::{Found, ImageInfo, Severity, Warning};
use crate::domain::names::PlatformName;
use crate::domain::release::{
    Image, Proposal, Question, Release, ReleaseState, questions_about_release,
};
use crate::domain::version::FirmwareVersion;
use crate::store::ReleaseFilter;

/// Characters of the longest version that a check-in can state.
const VERSION_LIMIT: usize = 64;

impl App {
    /// Everything that can be said about publishing an image.
    pub(super) async fn judge(
        &self,
        mut file: Examined,
        own_id: Option<i64>,
        wishes: &Wishes,
    ) -> Result<ReportCard, Error> {
        let shelf = self.shelf();
        if let Some(chip) = wishes.chip {
            file.choose_chip(chip)?;
        }
        let fatal = warned(&file.warnings, Severity::Fatal);
        let mut questions: Vec<Question> =
            fatal.map(|warning| Question::Damaged(warning.text.clone())).collect();
        questions.extend(warned(&file.warnings, Severity::Doubt).map(doubtful));
        let wished = wishes.platform.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let platform = name_platform(&file, wished, &mut questions)?;
        let known = platform.as_deref().and_then(|name| shelf.platform(name));
        if let (Some(name), None) = (&platform, known) {
            questions.push(Question::PlatformUnknown(name.clone()));
        }
        let wished = wishes.version.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if let Some(wished) = wished {
            check_version(wished)?;
        }
        let version = name_version(&file, platform.as_deref(), wished, &mut questions);
        let others = match known {
            Some(known) => {
                let platform_id = Some(known.platform.id);
                let filter = ReleaseFilter { platform_id, ..ReleaseFilter::default() };
                self.0.store.releases(&filter).await?
            }
            None => Vec::new(),
        };
        let channel = wishes.channel.unwrap_or_default();
        let proposal = Proposal { version: version.as_ref(), image: &file.image, channel, own_id };
        questions.extend(questions_about_release(proposal, &others));
        let fits = self.fits(&file, known.map(|known| known.platform.id)).await?;
        questions.extend(fits.questions());
        let previous = Previous::of(&file.image, version.as_ref(), &others);
        let (accepted, questions) = questions.into_iter().partition(|question| {
            question.can_be_accepted() && wishes.accept.iter().any(|code| code == question.code())
        });
        let newest = known.and_then(|known| known.newest());
        Ok(ReportCard {
            newest: newest.map(|newest| newest.version.to_string()),
            platform: known.map(|k| k.platform.name.to_string()).or_else(|| platform.clone()),
            platform_id: known.map(|known| known.platform.id),
            file,
            fits,
            previous,
            version,
            questions,
            accepted,
        })
    }
}

/// The release that an upload is already, unless the uploader wants it once more.
pub(super) fn existing(twins: &[Release], card: &ReportCard, wishes: &Wishes) -> Option<Release> {
    let again = wishes.accept.iter().any(|code| code == "identical");
    let mut settled = twins.iter().filter(|twin| twin.state != ReleaseState::Draft);
    // Whoever names a platform means that one, even where it does not exist yet.
    let named = wishes.platform.as_deref().is_some_and(|name| !name.trim().is_empty());
    let any = card.platform_id.is_none() && !named;
    // A signed form of what is there unsigned is something else.
    let image = &card.file.image;
    let signed =
        |own: &Image| own.signed || own.packed.as_ref().is_some_and(|packed| packed.signed);
    let same = |twin: &&Release| {
        let mut images = twin.images().filter(|own| own.sha256 == image.sha256);
        (any || twin.platform_id == card.platform_id)
            && images.any(|own| signed(own) == signed(image))
    };
    if again { None } else { settled.find(same).cloned() }
}

/// The platform that was wished for, else the one that the file names.
fn name_platform(
    file: &Examined,
    wished: Option<&str>,
    questions: &mut Vec<Question>,
) -> Result<Option<String>, Error> {
    if let Some(wished) = wished {
        let name: PlatformName = wished.parse()?;
        return Ok(Some(name.to_string()));
    }
    let Some(info) = file.info() else {
        questions.push(Question::PlatformMissing);
        return Ok(None);
    };
    Ok(match info.platform() {
        Found::One(mention) => Some(mention.name.clone()),
        Found::Several(mentions) => {
            let names = mentions.iter().map(|mention| mention.name.clone()).collect();
            questions.push(Question::PlatformAmbiguous(names));
            None
        }
        Found::Nothing => {
            let new = new_platform(info);
            if new.is_none() {
                questions.push(Question::PlatformMissing);
            }
            new.map(|name| name.to_string())
        }
    })
}

/// A name for a new platform, where the file names none that exists: the first that can be one.
/// The name of the file alone says too little.
fn new_platform(info: &ImageInfo) -> Option<PlatformName> {
    info.proposed_names(None).into_iter().find_map(|proposal| proposal.name.parse().ok())
}

/// The version that was wished for, else the one that the file names.
fn name_version(
    file: &Examined,
    platform: Option<&str>,
    wished: Option<&str>,
    questions: &mut Vec<Question>,
) -> Option<FirmwareVersion> {
    if let Some(wished) = wished {
        return Some(FirmwareVersion::read(wished));
    }
    match file.version(platform) {
        Found::One(candidate) => Some(FirmwareVersion::read(&candidate.text)),
        Found::Several(candidates) => {
            let texts = candidates.iter().map(|candidate| candidate.text.clone()).collect();
            questions.push(Question::VersionAmbiguous(texts));
            None
        }
        Found::Nothing => {
            questions.push(Question::VersionMissing);
            None
        }
    }
}

/// What a person should look at.
fn doubtful(warning: &Warning) -> Question {
    Question::Doubtful { code: warning.code, text: warning.text.clone() }
}

/// A version must be one that a device can report: at most 64 characters, none of them a control.
fn check_version(text: &str) -> Result<(), Error> {
    let length = text.chars().count();
    if length <= VERSION_LIMIT && !text.contains(char::is_control) {
        return Ok(());
    }
    let value = format!("{length} characters long, or holds control characters");
    Err(Error::Value { field: "the version", value, expected: "one line of at most 64 characters" })
}
