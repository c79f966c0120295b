//! The public API, as any program uses it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Fault;

/// Where the server is; in this process it moves with every start.
#[derive(Debug, Clone)]
pub struct Address(Arc<Mutex<SocketAddr>>);

impl Address {
    /// This address.
    pub fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Mutex::new(address)))
    }

    /// Where it is now.
    pub fn get(&self) -> SocketAddr {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has moved.
    pub fn set(&self, address: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// A way to the API.
#[derive(Debug, Clone)]
pub struct Api {
    /// Where the server is.
    pub address: Address,
    /// The token to show.
    pub token: Option<Arc<str>>,
}

/// A device as the server sees it: what the simulator looks at.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Seen {
    /// Its address.
    pub mac: String,
    /// Its standing.
    pub approval: String,
    /// How often it asked.
    pub checkins: u64,
    /// What came of it.
    pub last_outcome: Option<Outcome>,
    /// Its latest update.
    pub last_attempt: Option<Attempt>,
    /// Why it is held.
    pub hold: Option<Code>,
}

/// What came of a check-in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    /// The status.
    pub status: u16,
    /// The code.
    pub code: String,
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attempt {
    /// The version.
    pub version: String,
    /// How it stands.
    pub state: String,
    /// When its transfer ended.
    pub ended_at: Option<String>,
}

/// Something with a code.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Code {
    /// The code.
    pub code: String,
}

/// What a device would get.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Decided {
    /// The code.
    pub decision: String,
    /// The status.
    pub status: u16,
    /// The release that it is about.
    pub release: Option<Named>,
}

/// A release by its version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    /// The version.
    pub version: String,
}

/// A rollout as the server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Standing {
    /// Its number.
    pub id: i64,
    /// Where it stands.
    pub state: String,
    /// Why it was halted.
    pub reason: String,
    /// How many may have the release unconfirmed, at least.
    pub at_once: u32,
    /// The stage of the moment, from 1.
    pub stage: Option<usize>,
    /// Its stages.
    pub stages: Vec<StageSeen>,
    /// What became of its devices.
    pub counts: Counts,
    /// The latest of them.
    pub devices: Vec<MemberSeen>,
    /// How many more there are.
    pub more_devices: usize,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StageSeen {
    /// Whom it lets in.
    pub size: String,
    /// Where it stands.
    pub state: String,
}

/// Devices of a rollout, by how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// All that it was offered to.
    pub offered: u32,
    /// Those that have it and are not confirmed.
    pub on_the_way: u32,
    /// Those that came back with it.
    pub confirmed: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those whose transfer broke, or that run something else.
    pub others: u32,
}

/// A device of a rollout.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct MemberSeen {
    /// Its address.
    pub mac: String,
    /// How it stands.
    pub state: String,
}

/// What the dry run says of the devices of a platform.
#[derive(Debug, Clone, Default)]
pub struct DryRun {
    /// How many there are of each sort.
    pub counts: Vec<(String, u64)>,
    /// Each of them.
    pub devices: Vec<ForeseenSeen>,
}

/// What a device has to expect.
#[derive(Debug, Clone, Deserialize)]
pub struct ForeseenSeen {
    /// Its address.
    pub mac: String,
    /// What sort of thing.
    pub prospect: String,
    /// The code of the decision.
    pub decision: String,
    /// The release that it would be offered.
    pub release_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl Api {
    /// Sends a request; the status and the body.
    ///
    /// # Errors
    /// Where nobody answers.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> std::io::Result<(u16, Vec<u8>)> {
        let address = self.address.get();
        let token = self.token.as_deref();
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{}\
             Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            token.unwrap_or_default(),
            body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let status = String::from_utf8_lossy(&answer[..end]);
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(std::io::ErrorKind::InvalidData)?;
        Ok((status, answer.split_off(end + 4)))
    }

    async fn want(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> Result<Value, Fault> {
        let what = "the server's API cannot be asked";
        let answer = self.send(method, path, kind, body).await;
        let (status, body) = answer.map_err(|source| Fault::Io { what, source })?;
        if !(200..300).contains(&status) {
            let (method, path) = (method.to_owned(), path.to_owned());
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(Fault::Api { method, path, status, text });
        }
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Sends JSON and wants success.
    ///
    /// # Errors
    /// Where nobody answers, or the server refuses.
    pub async fn put(&self, method: &str, path: &str, body: &Value) -> Result<Value, Fault> {
        self.want(method, path, "application/json", body.to_string().as_bytes()).await
    }

    /// Gets something; `None` where the server says that there is nothing.
    ///
    /// # Errors
    /// Where nobody answers, or what comes is not what was expected.
    pub async fn get<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, Fault> {
        let what = "the server's API cannot be asked";
        let answer = self.send("GET", path, "application/json", b"").await;
        let (status, body) = answer.map_err(|source| Fault::Io { what, source })?;
        let read = serde_json::from_slice(&body);
        match (status, read) {
            (404, _) => Ok(None),
            (200, Ok(value)) => Ok(Some(value)),
            _ => {
                let text = String::from_utf8_lossy(&body).into_owned();
                Err(Fault::Api { method: "GET".to_owned(), path: path.to_owned(), status, text })
            }
        }
    }

    /// A device.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn device(&self, mac: &str) -> Result<Option<Seen>, Fault> {
        self.get(&format!("/api/v1/devices/{mac}")).await
    }

    /// What a device would get.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn decision(&self, mac: &str) -> Result<Option<Decided>, Fault> {
        self.get(&format!("/api/v1/devices/{mac}/decision")).await
    }

    /// All devices.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn devices(&self) -> Result<Vec<Seen>, Fault> {
        let mut all = Vec::new();
        let mut path = "/api/v1/devices?limit=500".to_owned();
        while let Some(list) = self.get::<List<Seen>>(&path).await? {
            all.extend(list.items);
            match list.next {
                Some(next) => path = format!("/api/v1/devices?limit=500&cursor={next}"),
                None => break,
            }
        }
        Ok(all)
    }

    /// How a rollout stands; its devices in the order of their addresses.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn standing(&self, rollout: i64) -> Result<Option<Standing>, Fault> {
        let standing = self.get::<Standing>(&format!("/api/v1/rollouts/{rollout}")).await?;
        Ok(standing.map(|mut standing| {
            standing.devices.sort_unstable();
            standing
        }))
    }

    /// What the devices would get if a draft were published like this, each of them.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn dry_run(&self, release: i64, wish: &Value) -> Result<DryRun, Fault> {
        let path = format!("/api/v1/releases/{release}/preview");
        let told = self.put("POST", &path, wish).await?;
        let mut dry_run = DryRun::default();
        for own in told["prospects"].as_array().into_iter().flatten() {
            let word = own["prospect"].as_str().unwrap_or_default().to_owned();
            dry_run.counts.push((word, own["count"].as_u64().unwrap_or_default()));
        }
        let path = format!("{path}/devices?limit=500");
        let mut next = String::new();
        loop {
            let page = format!("{path}{next}");
            let told = self.put("POST", &page, wish).await?;
            let read = serde_json::from_value::<List<ForeseenSeen>>(told.clone());
            let read = read.map_err(|_| {
                let (method, status, text) = ("POST".to_owned(), 200, told.to_string());
                Fault::Api { method, path: page, status, text }
            })?;
            dry_run.devices.extend(read.items);
            match read.next {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => return Ok(dry_run),
            }
        }
    }

    /// Uploads an image as a draft; its number.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn upload(&self, platform: &str, version: &str, file: &[u8]) -> Result<i64, Fault> {
        let mut form = Vec::new();
        for (name, value) in [("platform", platform), ("version", version)] {
            let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
            form.extend(format!("--xx\r\n{disposition}\r\n\r\n{value}\r\n").as_bytes());
        }
        let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"fleet.bin\"";
        form.extend(format!("--xx\r\n{disposition}\r\n\r\n").as_bytes());
        form.extend(file);
        form.extend(b"\r\n--xx--\r\n");
        let kind = "multipart/form-data; boundary=xx";
        let release = self.want("POST", "/api/v1/releases", kind, &form).await?;
        Ok(release["id"].as_i64().unwrap_or_default())
    }

    /// Waits until the compressed form of a release is made: until then devices get the other one,
    /// and how long that is depends on the machine.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn packed(&self, release: i64) -> Result<(), Fault> {
        for _ in 0..600 {
            let path = format!("/api/v1/releases/{release}");
            let shown: Option<Value> = self.get(&path).await?;
            if shown.is_none_or(|shown| !shown["images"][0]["packed"].is_null()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Waits until the end of a device's transfer is recorded: in virtual time that is at once.
    pub async fn settled(&self, mac: &str) {
        for pause in [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 1_000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            match self.device(mac).await {
                Ok(Some(seen)) => match seen.last_attempt {
                    Some(attempt) if attempt.state == "offered" => {}
                    _ => return,
                },
                // The server is about to stop: whatever is open ends with that.
                Ok(None) | Err(_) => return,
            }
        }
    }
}
