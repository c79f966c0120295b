//! Behind a proxy: whose address counts, and whose word is taken.

use crate::support::{CHASE, FakeDevice, TestApp, exchange};

/// The one who answers a create form: its address stands in the event log.
async fn actor(app: &TestApp, headers: &str) -> String {
    let body = "name=chase&description=&admission=approved";
    let request = format!(
        "POST /platforms HTTP/1.1\r\nHost: pi.lan\r\n{headers}Connection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(app.address, request.as_bytes()).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let events = app.events().await;
    events.first().map(|event| event.actor.clone()).unwrap_or_default()
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_is_the_one_it_names() {
    let app = TestApp::plan().with("--trusted-proxies").with("10.0.0.0/8,127.0.0.1").start().await;
    let device = FakeDevice::esp8266(CHASE)
        .with_header("X-Forwarded-For: 203.0.113.66, 192.0.2.7, 10.1.2.3")
        .with_header("X-Forwarded-Host: ota.example");
    device.polls(&app, "chase", "v1.0.0").await;
    app.platform("marshall").await;
    device.polls(&app, "marshall", "v1.0.0").await;
    let recorded = app.device(CHASE).await.unwrap();
    assert_eq!(recorded.address, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(recorded.host.as_deref(), Some("ota.example"));
    assert_eq!(actor(&app, "X-Forwarded-For: 192.0.2.9\r\n").await, "192.0.2.9");
}

// Traefik sets the one header and lets the other pass.
#[tokio::test]
async fn a_header_that_the_proxy_does_not_know_changes_nothing() {
    let app = TestApp::plan().with("--trusted-proxies").with("127.0.0.1").start().await;
    app.platform("chase").await;
    let device = FakeDevice::esp8266(CHASE)
        .with_header("X-Forwarded-For: 192.0.2.7")
        .with_header("Forwarded: for=198.51.100.1;host=evil.example;proto=https");
    device.polls(&app, "chase", "v1.0.0").await;
    let recorded = app.device(CHASE).await.unwrap();
    assert_eq!(recorded.address, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(recorded.host.as_deref(), Some("192.168.1.10:8000"));
}

#[tokio::test]
async fn what_others_say_about_themselves_is_ignored() {
    let app = TestApp::plan().with("--trusted-proxies").with("10.0.0.0/8").start().await;
    app.platform("chase").await;
    let device = FakeDevice::esp8266(CHASE)
        .with_header("X-Forwarded-For: 192.0.2.7")
        .with_header("Forwarded: for=192.0.2.7;host=ota.example")
        .with_header("X-Forwarded-Host: ota.example");
    device.polls(&app, "chase", "v1.0.0").await;
    let recorded = app.device(CHASE).await.unwrap();
    assert_eq!(recorded.address, Some("127.0.0.1".parse().unwrap()));
    assert_eq!(recorded.host.as_deref(), Some("192.168.1.10:8000"));
}

#[tokio::test]
async fn a_page_of_the_public_address_may_change_things_through_the_proxy() {
    let app = TestApp::plan().with("--trusted-proxies").with("127.0.0.1").start().await;
    let forwarded = "X-Forwarded-For: 192.0.2.9\r\nX-Forwarded-Proto: https\r\n\
                     X-Forwarded-Host: ota.lan\r\nOrigin: https://ota.lan\r\n";
    assert_eq!(actor(&app, forwarded).await, "192.0.2.9");
}
