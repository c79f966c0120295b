//! Who gets a release, and how: the part of the form that is there wherever one is published.

use super::error::{PageError, sentence};
use super::page::Page;
use super::preview::PreviewView;
use crate::app::{App, Error, PlanWish};
use crate::domain::device::{Approval, Device};
use crate::domain::policy::Channel;
use crate::domain::rollout::{Plan, PlanError};
use crate::store::{DeviceFilter, DeviceSort};

/// Devices that can be ticked as canaries; others are typed.
const OFFERED: u32 = 50;
/// Stages that a button fills in.
pub(super) const EXAMPLES: [&str; 4] =
    ["canaries, 50%", "canaries, 10%, 50%", "1, 5, 25%", "10%, 50%"];

/// How a release reaches its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    All,
    Canaries,
    Stages,
}

impl How {
    fn read(word: &str) -> Option<Self> {
        match word {
            "all" => Some(Self::All),
            "canaries" => Some(Self::Canaries),
            "stages" => Some(Self::Stages),
            _ => None,
        }
    }
}

/// What a person typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) how: Option<How>,
    pub(super) channel: Option<Channel>,
    /// Addresses that were ticked.
    pub(super) chosen: Vec<String>,
    /// Addresses that were typed.
    pub(super) others: String,
    pub(super) stages: String,
    pub(super) soak: String,
    pub(super) failures: String,
    pub(super) deadline: String,
    pub(super) at_once: String,
    pub(super) ask: bool,
    pub(super) group: String,
    pub(super) starts: String,
}

/// What is wrong, and with which field.
#[derive(Debug, Clone)]
pub(super) struct Mistake {
    pub(super) field: &'static str,
    pub(super) text: String,
}

impl Mistake {
    fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    /// A refusal that is about a field of this part of the form.
    pub(super) fn of(error: &Error) -> Option<Self> {
        let field = match error {
            Error::Plan(PlanError::NoCanaries) | Error::Mac(_) | Error::NotFound("device") => {
                "canary"
            }
            Error::Plan(PlanError::Bounds(_)) => "soak",
            Error::Plan(PlanError::Deadline) => "deadline",
            Error::Plan(PlanError::AtOnce) => "at_once",
            Error::Plan(_) => "stages",
            Error::NotFound("group") => "group",
            _ => return None,
        };
        Some(Self::new(field, sentence(&error.to_string())))
    }
}

impl Typed {
    pub(super) fn read(fields: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let field = fields.iter().find(|(key, _)| key == name);
            field.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let chosen = fields.iter().filter(|(key, _)| key == "canary");
        Self {
            how: How::read(&value("how")),
            channel: Channel::read(&value("channel")),
            chosen: chosen.map(|(_, mac)| mac.trim().to_lowercase()).collect(),
            others: value("others"),
            stages: value("stages"),
            soak: value("soak"),
            failures: value("failures"),
            deadline: value("deadline"),
            at_once: value("at_once"),
            ask: !value("ask").is_empty(),
            group: value("group"),
            starts: value("starts"),
        }
    }

    /// What is wished for; `None`: all at once, for everyone.
    pub(super) fn plan(&self, page: &Page) -> Result<Option<PlanWish>, Mistake> {
        let how = self.how.unwrap_or(How::All);
        let starts_at = read_start(&self.starts, page)?;
        let group = Some(self.group.clone()).filter(|group| !group.is_empty());
        if how == How::All && group.is_none() && starts_at.is_none() {
            return Ok(None);
        }
        let stages = match how {
            How::All => String::new(),
            How::Canaries => "canaries".to_owned(),
            How::Stages if self.stages.is_empty() => {
                return Err(Mistake::new("stages", "Write the stages, or choose another way."));
            }
            How::Stages => self.stages.clone(),
        };
        if let Err(error) = Plan::read_stages(&stages) {
            return Err(Mistake::new("stages", sentence(&error.to_string())));
        }
        let typed = self.others.split([',', ' ', ';', '\n']).map(str::trim);
        let typed = typed.filter(|text| !text.is_empty()).map(str::to_owned);
        let canaries = if how == How::All {
            Vec::new()
        } else {
            self.chosen.iter().cloned().chain(typed).collect()
        };
        let soak = number(&self.soak, "soak", "Write whole minutes, like 30.")?;
        let failures = number(&self.failures, "failures", "Write a whole number, like 2.")?;
        let deadline = number(&self.deadline, "deadline", "Write whole hours, like 168.")?;
        let at_once = number(&self.at_once, "at_once", "Write a whole number, like 10.")?;
        Ok(Some(PlanWish {
            stages,
            canaries,
            group,
            soak: soak.map(|minutes| i64::from(minutes) * 60),
            max_failures: failures,
            ask: self.ask && how != How::All,
            at_once,
            deadline: deadline.map(|hours| i64::from(hours) * 3600),
            starts_at,
        }))
    }

    /// Whether something behind "More" is set.
    pub(super) fn has_more(&self) -> bool {
        let soak = !self.soak.is_empty() && self.soak != "30";
        let deadline = !self.deadline.is_empty() && self.deadline != "168";
        let texts = [&self.failures, &self.at_once, &self.group, &self.starts];
        soak || deadline || self.ask || texts.iter().any(|text| !text.is_empty())
    }
}

fn number(text: &str, field: &'static str, wrong: &str) -> Result<Option<u32>, Mistake> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| Mistake::new(field, wrong))
}

/// A time in the server's zone.
fn read_start(text: &str, page: &Page) -> Result<Option<i64>, Mistake> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = "Write the time like 2026-11-20 15:00.";
    let local = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>();
    let zoned = local.ok().and_then(|local| local.to_zoned(page.zone.clone()).ok());
    let at = zoned.map(|zoned| zoned.timestamp().as_second());
    at.map(Some).ok_or_else(|| Mistake::new("starts", wrong))
}

/// A device that can be a canary.
#[derive(Debug)]
pub(super) struct CanaryChoice {
    pub(super) device: Device,
    pub(super) hex: String,
    pub(super) chosen: bool,
}

/// This part of the form, as it is drawn.
#[derive(Debug)]
pub(super) struct WishForm {
    pub(super) typed: Typed,
    pub(super) devices: Vec<CanaryChoice>,
    /// Whether there are more devices than can be ticked.
    pub(super) more: bool,
    pub(super) groups: Vec<String>,
    /// The time zone, by name.
    pub(super) zone: String,
    pub(super) mistake: Option<Mistake>,
    pub(super) preview: PreviewView,
    /// Whether a person chooses whom it is for.
    pub(super) asks_channel: bool,
}

impl WishForm {
    /// The form for a release of a platform.
    pub(super) async fn of(
        app: &App,
        page: &Page,
        platform_id: Option<i64>,
        mut typed: Typed,
    ) -> Result<Self, PageError> {
        let mut devices = match platform_id {
            Some(id) => app.store().devices(&most_recent(id)).await?,
            None => Vec::new(),
        };
        let more = devices.len() > OFFERED as usize;
        devices.truncate(OFFERED as usize);
        if typed.how.is_none() {
            typed.how = Some(if devices.len() > 1 { How::Canaries } else { How::All });
        }
        if typed.soak.is_empty() {
            "30".clone_into(&mut typed.soak);
        }
        if typed.deadline.is_empty() {
            "168".clone_into(&mut typed.deadline);
        }
        let devices = devices.into_iter().map(|device| {
            let hex = device.mac.hex();
            let text = device.mac.to_string().to_lowercase();
            let chosen = typed.chosen.iter().any(|mac| *mac == hex || *mac == text);
            CanaryChoice { device, hex, chosen }
        });
        let groups = app.shelf().groups().iter().map(|group| group.name.to_string()).collect();
        let zone = page.zone.iana_name().unwrap_or("UTC").to_owned();
        let devices = devices.collect();
        let preview = PreviewView::default();
        let asks_channel = true;
        Ok(Self { typed, devices, more, groups, zone, mistake: None, preview, asks_channel })
    }

    pub(super) fn is(&self, how: &str) -> bool {
        self.typed.how == How::read(how)
    }

    pub(super) fn is_beta(&self) -> bool {
        self.typed.channel == Some(Channel::Beta)
    }

    /// What is wrong with a field; empty where nothing is.
    pub(super) fn error(&self, field: &str) -> &str {
        let own = self.mistake.as_ref().filter(|mistake| mistake.field == field);
        own.map(|mistake| mistake.text.as_str()).unwrap_or_default()
    }

    /// Whether the fold with the finer points is open.
    pub(super) fn is_open(&self) -> bool {
        let fine = ["soak", "failures", "deadline", "at_once", "group", "starts"];
        self.typed.has_more() || fine.iter().any(|field| !self.error(field).is_empty())
    }
}

fn most_recent(platform_id: i64) -> DeviceFilter {
    DeviceFilter {
        platform_id: Some(platform_id),
        approval: Some(Approval::Approved),
        sort: DeviceSort::Seen,
        limit: OFFERED + 1,
        ..DeviceFilter::default()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use jiff::tz::TimeZone;

    use super::*;

    fn page() -> Page {
        let parts = Request::builder().uri("/").body(()).unwrap().into_parts().0;
        Page::of(&parts, 0, TimeZone::fixed(jiff::tz::offset(1)))
    }

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Typed::read(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn nothing_typed_is_all_at_once() {
        assert_eq!(typed(&[]).plan(&page()).unwrap(), None);
        let all = typed(&[("how", "all"), ("soak", "30"), ("stages", "nonsense"), ("ask", "yes")]);
        assert_eq!(all.plan(&page()).unwrap(), None);
    }

    #[test]
    fn a_group_or_a_time_makes_a_rollout_of_all_at_once() {
        let plan = typed(&[("how", "all"), ("group", "Attic")]).plan(&page()).unwrap().unwrap();
        assert_eq!((plan.group.as_deref(), plan.stages.as_str()), (Some("Attic"), ""));
        let plan = typed(&[("starts", "1970-01-01T02:00")]).plan(&page()).unwrap().unwrap();
        assert_eq!(plan.starts_at, Some(3600));
    }

    #[test]
    fn canaries_are_ticked_or_typed() {
        let fields = [("how", "canaries"), ("canary", "5ccf7f000001"), ("others", "a, b")];
        let plan = typed(&fields).plan(&page()).unwrap().unwrap();
        assert_eq!(plan.canaries, ["5ccf7f000001", "a", "b"]);
        assert_eq!((plan.stages.as_str(), plan.soak), ("canaries", None));
    }

    #[test]
    fn a_mistake_names_its_field() {
        for (name, value, field) in [
            ("stages", "many", "stages"),
            ("stages", "", "stages"),
            ("soak", "half an hour", "soak"),
            ("failures", "-1", "failures"),
            ("starts", "tomorrow", "starts"),
        ] {
            let fields = [("how", "stages"), (name, value), ("stages", "10%")];
            let mistake = typed(&fields).plan(&page()).unwrap_err();
            assert_eq!(mistake.field, field, "{mistake:?}");
        }
    }
}
