//! Settings that a person may change while the server runs.

use std::sync::Arc;

use super::{App, Error, Limits};
use crate::config::{PublicUrl, TimeZone};
use crate::domain::actor::Actor;
use crate::domain::audit::listed;
use crate::domain::event::{Event, Kind};
use crate::domain::tally::Patience;
use crate::store::Store;

/// What a pending device is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PendingAnswer {
    /// The original's `400 Error: Device not whitelisted.`
    #[default]
    Refuse,
    /// A quiet 304, so that the sketch logs no error.
    Quiet,
}

impl PendingAnswer {
    /// The word in forms and the database.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Quiet => "quiet",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Refuse, Self::Quiet].into_iter().find(|value| value.word() == word)
    }
}

/// The settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How many days events are kept.
    pub retention_days: u32,
    /// How many days the audit log is kept.
    pub audit_days: u32,
    /// The address that devices use; the command line wins.
    pub public_url: Option<PublicUrl>,
    /// The time zone of pages and catalog; the command line wins.
    pub time_zone: TimeZone,
    /// What a pending device is answered.
    pub pending_answer: PendingAnswer,
    /// How many pending devices are kept; beyond, the one silent for longest is forgotten.
    pub pending_limit: u32,
    /// How much is tried before a person is asked.
    pub patience: Patience,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention_days: 90,
            audit_days: 365,
            public_url: None,
            time_zone: TimeZone::utc(),
            pending_answer: PendingAnswer::default(),
            pending_limit: 500,
            patience: Patience::default(),
        }
    }
}

impl Settings {
    /// Whether pending devices get a quiet 304.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.pending_answer == PendingAnswer::Quiet
    }

    /// As they are kept: words by key.
    fn values(&self) -> Vec<(&'static str, String)> {
        let url = self.public_url.as_ref().map(ToString::to_string).unwrap_or_default();
        vec![
            ("retention_days", self.retention_days.to_string()),
            ("audit_days", self.audit_days.to_string()),
            ("pending_answer", self.pending_answer.word().to_owned()),
            ("pending_limit", self.pending_limit.to_string()),
            ("attempt_limit", self.patience.limit.to_string()),
            ("aborted_limit", self.patience.aborted.to_string()),
            ("retry_minutes", spacing_text(&self.patience.spacing)),
            ("public_url", url),
            ("time_zone", self.time_zone.name().to_owned()),
        ]
    }

    /// Reads them from the database; what the command line names wins.
    pub(super) async fn load(store: &Store, limits: &Limits) -> Result<Self, Error> {
        let saved = store.settings().await?;
        let default = Self::default();
        let read = |key: &str| saved.get(key).map(String::as_str).filter(|text| !text.is_empty());
        let number = |key: &str| read(key).and_then(|text| text.parse().ok());
        Ok(Self {
            retention_days: number("retention_days").unwrap_or(default.retention_days),
            audit_days: number("audit_days").unwrap_or(default.audit_days),
            public_url: limits
                .public_url
                .clone()
                .or_else(|| read("public_url").and_then(|text| text.parse().ok())),
            time_zone: limits
                .time_zone
                .clone()
                .or_else(|| read("time_zone").and_then(|text| text.parse().ok()))
                .unwrap_or(default.time_zone),
            pending_answer: read("pending_answer")
                .and_then(PendingAnswer::read)
                .unwrap_or(default.pending_answer),
            pending_limit: number("pending_limit").unwrap_or(default.pending_limit),
            patience: Patience {
                limit: number("attempt_limit").unwrap_or(default.patience.limit),
                spacing: read("retry_minutes")
                    .and_then(|text| read_spacing(text).ok())
                    .unwrap_or(default.patience.spacing),
                aborted: number("aborted_limit").unwrap_or(default.patience.aborted),
            },
        })
    }
}

/// The waits between tries, in seconds, from minutes separated by commas.
///
/// # Errors
/// [`Error::Value`] where it is no list of at most ten numbers of minutes.
pub fn read_spacing(text: &str) -> Result<Vec<i64>, Error> {
    let minutes = text.split(',').map(|part| part.trim().parse::<u32>());
    let minutes: Option<Vec<u32>> = minutes.collect::<Result<_, _>>().ok();
    let fits = |minutes: &Vec<u32>| minutes.len() <= 10 && minutes.iter().all(|m| *m <= 525_600);
    let minutes = minutes.filter(fits).ok_or_else(|| Error::Value {
        field: "the waits between tries",
        value: text.chars().take(80).collect(),
        expected: "minutes separated by commas, like 0, 15, 120, 720",
    })?;
    Ok(minutes.into_iter().map(|minutes| i64::from(minutes) * 60).collect())
}

/// The same as text.
#[must_use]
pub fn spacing_text(spacing: &[i64]) -> String {
    let minutes = spacing.iter().map(|seconds| (seconds / 60).to_string());
    minutes.collect::<Vec<_>>().join(", ")
}

impl App {
    /// Changes the settings. What the command line names stays as it is.
    ///
    /// # Errors
    /// [`Error::Value`] where a number is out of its bounds.
    pub async fn save_settings(&self, new: Settings, actor: &Actor) -> Result<(), Error> {
        let bounds = [
            ("retention in days", new.retention_days, 1..=3650, "a number from 1 to 3650"),
            ("days of the audit log", new.audit_days, 1..=3650, "a number from 1 to 3650"),
            ("pending devices", new.pending_limit, 1..=100_000, "a number from 1 to 100000"),
            ("downloads before a hold", new.patience.limit, 1..=20, "a number from 1 to 20"),
            ("broken downloads a day", new.patience.aborted, 1..=1000, "a number from 1 to 1000"),
        ];
        for (field, value, range, expected) in bounds {
            if !range.contains(&value) {
                return Err(Error::Value { field, value: value.to_string(), expected });
            }
        }
        let _changing = self.0.changing.lock().await;
        let mut values = new.values();
        let fixed = |key: &str| match key {
            "public_url" => self.0.limits.public_url.is_some(),
            "time_zone" => self.0.limits.time_zone.is_some(),
            _ => false,
        };
        values.retain(|(key, _)| !fixed(key));
        let changes = changes(&self.settings().values(), &values);
        self.0.store.save_settings(&values).await?;
        let settings = Settings::load(&self.0.store, &self.0.limits).await?;
        self.0.settings.store(Arc::new(settings));
        self.forget_lists();
        if changes.is_empty() {
            return Ok(());
        }
        let event = Event::new(self.now(), Kind::Settings, "The settings were changed.").by(actor);
        self.record(event.does(format!("changed {}", listed(&changes)))).await
    }
}

/// A setting as its form calls it.
fn label(key: &str) -> String {
    let label = match key {
        "retention_days" => "Keep events for (days)",
        "audit_days" => "Keep the audit log for (days)",
        "pending_answer" => "Pending devices",
        "pending_limit" => "Keep at most (pending devices)",
        "attempt_limit" => "Hold after (downloads)",
        "aborted_limit" => "Rest after (broken downloads a day)",
        "retry_minutes" => "Wait between tries (minutes)",
        "public_url" => "Public address",
        "time_zone" => "Time zone",
        other => return other.replace('_', " "),
    };
    label.to_owned()
}

/// What of the settings was changed: `“Time zone” from UTC to Europe/Berlin`.
fn changes(was: &[(&str, String)], is: &[(&str, String)]) -> Vec<String> {
    let change = |(key, to): &(&str, String)| {
        let from = was.iter().find(|(known, _)| known == key).map(|(_, from)| from.as_str());
        let from = from.unwrap_or_default();
        let told = || format!("“{}” from {} to {}", label(key), told(from), told(to));
        (from != to).then(told)
    };
    is.iter().filter_map(change).collect()
}

/// A value in a sentence; a password in an address is left out.
fn told(value: &str) -> String {
    match value.split_once("://") {
        _ if value.is_empty() => "nothing".to_owned(),
        Some((scheme, rest)) => {
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{host}")
        }
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_by_the_words_of_the_form() {
        let was = Settings::default();
        let url = |text: &str| Some(text.parse().unwrap());
        let is = Settings {
            audit_days: 30,
            pending_answer: PendingAnswer::Quiet,
            public_url: url("http://anna:secret@pi.lan:8000"),
            ..Settings::default()
        };
        let told = changes(&was.values(), &is.values());
        assert_eq!(
            told,
            [
                "“Keep the audit log for (days)” from 365 to 30",
                "“Pending devices” from refuse to quiet",
                "“Public address” from nothing to http://pi.lan:8000",
            ]
        );
        assert!(changes(&is.values(), &is.values()).is_empty());
        let patience = Patience { spacing: vec![60], ..Patience::default() };
        let slow = Settings { patience, ..Settings::default() };
        let told = changes(&was.values(), &slow.values());
        assert_eq!(told, ["“Wait between tries (minutes)” from 0, 15, 120, 720 to 1"]);
        assert!(was.values().iter().all(|(key, _)| label(key) != *key), "all have a label");
    }
}
