//! Secrets of devices: made and ended here, shown once and never again.

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::{App, Error};
use crate::domain::device_secret::Secrets;
use crate::domain::mac::MacAddr;
use crate::domain::proof::ProofKind;
use crate::domain::secret::Secret;
use crate::http::api::codes;
use crate::http::api::describe::{Done, Example, MISSING, Made, NO_MAC, Operation, Refusal, when};
use crate::http::api::extract::{Actor, Body, Segment};
use crate::http::api::problem::Problem;
use crate::http::api::words::{Given, Time};

/// A secret that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a JSON object")]
pub(super) struct NewSecret {
    /// The secret itself, where devices have it already; missing: a random one, which is safer.
    #[serde(default)]
    #[schemars(length(min = 8, max = 40), regex(pattern = r"^[A-Za-z0-9._~-]{8,40}$"))]
    secret: Given<String>,
}

/// A secret that was just made.
#[derive(Serialize, JsonSchema)]
pub(super) struct MadeSecret {
    /// The secret. It is shown this once.
    #[schemars(example = &"mzxw6ytboi4dqmrrgi2tsnbxgq3toobz")]
    secret: String,
}

/// What is known of the secret of a platform or device: never what it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Secrets")]
pub(super) struct SecretsView {
    /// When it was made.
    made_at: Time,
    /// Whether a person typed it; else it is random.
    typed: bool,
    /// When the one before it was made, as long as that is good too.
    old_made_at: Option<Time>,
}

impl SecretsView {
    /// `None` where there is none.
    pub(super) fn of(secrets: &Secrets) -> Option<Self> {
        let newest = secrets.newest?;
        Some(Self {
            made_at: Time(newest.made_at),
            typed: newest.typed,
            old_made_at: secrets.old.map(|old| Time(old.made_at)),
        })
    }
}

/// Reads the word of what devices show.
pub(super) fn read_proof(word: &str) -> Result<ProofKind, Problem> {
    let expected = "“none”, “shared” or “per_device”";
    ProofKind::read(word).ok_or_else(|| Problem::value("proof", word, expected))
}

impl Example for MadeSecret {
    fn example() -> Self {
        Self { secret: "mzxw6ytboi4dqmrrgi2tsnbxgq3toobz".to_owned() }
    }
}

impl Example for SecretsView {
    fn example() -> Self {
        Self { made_at: Time::EXAMPLE, typed: false, old_made_at: None }
    }
}

const EXAMPLE: &str = r#"{"secret": "Greenhouse-7.north~door"}"#;
const STATE: Refusal = when(
    "Devices use two secrets already: end the old one first; or the platform’s devices share none",
    &[codes::WRONG_STATE],
);
const ENDED: &str = "Who has only the old one is refused from now on, where proof is demanded.";

fn answer(secret: &Secret) -> Made<MadeSecret> {
    Made(MadeSecret { secret: secret.expose().to_owned() })
}

fn read_mac(text: &str) -> Result<MacAddr, Problem> {
    Ok(text.parse().map_err(Error::Mac)?)
}

pub(super) const MAKE_FOR_PLATFORM: Operation = Operation::new(
    "platforms",
    "makePlatformSecret",
    "Make a secret that the devices of a platform share",
)
.more(
    "The answer holds the secret. Only its digest is kept, so this is the only time that it can \
     be seen. Where there was one, both are good until each device was seen with the new one. A \
     newer one that no device was seen with yet is replaced.",
)
.takes(EXAMPLE)
.gives("Made.")
.refuses(&[MISSING, STATE, when("It cannot be used", &[codes::INVALID_SECRET])]);

/// `POST /api/v1/platforms/{name}/secret`
pub(super) async fn make_for_platform(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
    Body(new): Body<NewSecret>,
) -> Result<Made<MadeSecret>, Problem> {
    let secret = app.make_platform_secret(&name, new.secret.0.as_deref(), &actor).await?;
    Ok(answer(&secret))
}

pub(super) const END_FOR_PLATFORM: Operation =
    Operation::new("platforms", "endPlatformSecret", "End the old secret at once")
        .more(ENDED)
        .gives("Ended.")
        .refuses(&[MISSING]);

/// `DELETE /api/v1/platforms/{name}/secret/old`
pub(super) async fn end_for_platform(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(name): Segment<String>,
) -> Result<Done, Problem> {
    app.end_old_platform_secret(&name, &actor).await?;
    Ok(Done)
}

pub(super) const MAKE_FOR_DEVICE: Operation =
    Operation::new("devices", "makeDeviceSecret", "Make a secret of one device")
        .more(
            "The answer holds the secret. Only its digest is kept, so this is the only time that \
             it can be seen. Where there was one, both are good until it was seen with the new \
             one. A newer one that no device was seen with yet is replaced.",
        )
        .takes(EXAMPLE)
        .gives("Made.")
        .refuses(&[
            MISSING,
            STATE,
            when("It cannot be used", &[codes::INVALID_SECRET, codes::INVALID_MAC]),
        ]);

/// `POST /api/v1/devices/{mac}/secret`
pub(super) async fn make_for_device(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
    Body(new): Body<NewSecret>,
) -> Result<Made<MadeSecret>, Problem> {
    let mac = read_mac(&mac)?;
    let secret = app.make_device_secret(mac, new.secret.0.as_deref(), &actor).await?;
    Ok(answer(&secret))
}

pub(super) const END_FOR_DEVICE: Operation =
    Operation::new("devices", "endDeviceSecret", "End the old secret at once")
        .more(ENDED)
        .gives("Ended.")
        .refuses(&[MISSING, NO_MAC]);

/// `DELETE /api/v1/devices/{mac}/secret/old`
pub(super) async fn end_for_device(
    State(app): State<App>,
    Actor(actor): Actor,
    Segment(mac): Segment<String>,
) -> Result<Done, Problem> {
    app.end_old_device_secret(read_mac(&mac)?, &actor).await?;
    Ok(Done)
}
