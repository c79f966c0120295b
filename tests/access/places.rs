//! Strangers cannot hold all places for connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use espalier::http::layers::SecurityHeaders;
use espalier::http::wire::{self, Listener, WireSettings};
use espalier::http::{self, Exposure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::Server;
use crate::image::Firmware;

/// Longer than any answer here takes when all is well.
const PATIENCE: Duration = Duration::from_secs(10);
const PLACES: u32 = 16;

/// The same server once more, with few places: one port for all, one for devices.
async fn cramped(server: &Server, trusted: &str) -> ([SocketAddr; 2], DropGuard) {
    let headers = Arc::new(SecurityHeaders::new(&"none".parse().unwrap(), false));
    let exposure = Exposure { tls: None, headers, allowed_hosts: Arc::default() };
    let (all, devices) = (listener().await, listener().await);
    let addresses = [all.local_addr().unwrap(), devices.local_addr().unwrap()];
    let listeners = vec![
        Listener::plain(all, http::site(server.app.clone(), exposure)),
        Listener::plain(devices, http::device_site(server.app.clone())),
    ];
    let trusted_proxies = [trusted.parse().unwrap()].into();
    let settings =
        WireSettings { max_connections: PLACES, trusted_proxies, ..WireSettings::default() };
    let stop = CancellationToken::new();
    tokio::spawn(wire::serve(listeners, settings, stop.clone()));
    (addresses, stop.drop_guard())
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

async fn begins(from: [u8; 4], server: SocketAddr, start: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((from, 0))).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    // Who has been cut already hears no more.
    let _ = stream.write_all(start.as_bytes()).await;
    stream
}

/// The status of an answer, which must come soon.
async fn status(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes));
    let _ = read.await.expect("the answer comes soon");
    let text = String::from_utf8_lossy(&bytes);
    text.split(' ').nth(1).unwrap_or("none").to_owned()
}

async fn polls(address: SocketAddr) -> String {
    let request = "GET /update?dev=chase&ver=v1.0.0 HTTP/1.0\r\nHost: pi\r\n\
                   User-Agent: ESP8266-http-Update\r\nx-ESP8266-STA-MAC: 18:FE:34:00:00:01\r\n\r\n";
    status(begins([127, 0, 0, 1], address, request).await).await
}

/// What strangers begin and do not end.
fn starts(number: u8) -> String {
    let length = if number.is_multiple_of(2) { 2_000_000 } else { 9_000 };
    let path = ["/login", "/setup", "/api/v1/platforms", "/nothing"][usize::from(number % 4)];
    format!(
        "POST {path} HTTP/1.1\r\nHost: pi\r\nX-Forwarded-For: 192.0.2.{number}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\nx"
    )
}

#[tokio::test]
async fn strangers_with_slow_bodies_stop_no_device_and_no_upload() {
    // Once from addresses of their own, once through a proxy.
    for trusted in ["10.0.0.0/8", "127.0.0.0/24"] {
        let server = Server::with_anna().await;
        let anna = server.signed_in("anna").await;
        let ([all, devices], _stop) = cramped(&server, trusted).await;
        let image = Firmware::esp8266().of("chase", "v1.0.0").build();
        let part =
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
        let end = "\r\n--b--\r\n";
        let upload = format!(
            "POST /api/v1/releases HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\
             Cookie: espalier_session={}\r\nX-CSRF-Token: {}\r\n\
             Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}\r\n\r\n\
             {part}",
            anna.cookie("espalier_session").unwrap(),
            anna.csrf(),
            part.len() + image.len() + end.len(),
        );
        let mut upload = begins([127, 0, 0, 1], all, &upload).await;
        let mut slow = Vec::new();
        for number in 0..200_u8 {
            slow.push(begins([127, 0, 0, 2 + number % 3], all, &starts(number)).await);
            if number % 20 == 19 {
                for address in [all, devices] {
                    assert_eq!(polls(address).await, "500", "no platform yet: {number}");
                }
            }
        }
        upload.write_all(&image).await.unwrap();
        upload.write_all(end.as_bytes()).await.unwrap();
        assert_eq!(status(upload).await, "201", "{trusted}");
    }
}
