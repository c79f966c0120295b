//! Multipart forms as browsers and curl send them.

use super::app::TestApp;
use super::http::{Answer, Client};

const BOUNDARY: &str = "----EspalierTests7MA4YWxkTrZu0gW";

/// A form that is about to be sent.
#[derive(Debug, Clone, Default)]
pub struct Form {
    body: Vec<u8>,
}

impl Form {
    /// A form with this file.
    pub fn file(name: &str, bytes: &[u8]) -> Self {
        Self::default().and_file(name, bytes)
    }

    /// With one more file.
    pub fn and_file(mut self, name: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        self.body.extend(head.as_bytes());
        self.body.extend(bytes);
        self.body.extend(b"\r\n");
        self
    }

    /// With a field.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let field = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
        self.body.extend(field.as_bytes());
        self
    }

    /// The whole request.
    pub fn request(&self, target: &str) -> Vec<u8> {
        let mut body = self.body.clone();
        body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: pi.lan:8000\r\nAccept: application/json\r\n\
             Connection: close\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }

    /// Sends all of it, whatever the server says meanwhile, and reads the answer then.
    pub async fn sent_to(&self, app: &TestApp, target: &str) -> Answer {
        let mut client = Client::connect(app.address).await;
        let sent = client.try_send(&self.request(target)).await;
        sent.expect("the server lets the client finish");
        client.rest().await
    }
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.line, self.text()))
    }
}
