//! The recipes of the page Connect, run as they are written there.

use std::path::Path;
use std::process::Command;

use crate::client::{Browser, Server};
use crate::image::Firmware;

/// The code under a heading of a page, as a person copies it.
fn recipe(page: &str, id: &str) -> String {
    let section = page.split(&format!("<h2 id=\"{id}\">")).nth(1).unwrap();
    let code = section.split("<code>").nth(1).unwrap().split("</code>").next().unwrap();
    let mut text = code.to_owned();
    for (escaped, sign) in
        [("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#39;", "'"), ("&#38;", "&")]
    {
        text = text.replace(escaped, sign);
    }
    text
}

/// Runs a line in a shell that has the token; what it said.
async fn shell(line: String, folder: &Path, token: &str) -> String {
    let mut command = Command::new("sh");
    command.arg("-c").arg(&line).current_dir(folder);
    command.env("ESPALIER_TOKEN", token).env("GITHUB_REF_NAME", "v1.0.3");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{line}\n{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

async fn server() -> (Server, Browser, String) {
    let server = Server::with_anna().await;
    let token = server.token("admin").await;
    server.ask(&token, "POST", "/api/v1/platforms", r#"{"name": "chase"}"#).await.is(201);
    let browser = server.signed_in("anna").await;
    let token = server.token("upload:chase publish:chase").await;
    (server, browser, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipes_publish_as_they_are_written() {
    let (server, mut browser, token) = server().await;
    let page = browser.get("/connect?platform=chase").await.is(200).body;
    let desk = tempfile::tempdir().unwrap();
    let write = |name: &str, version: &str| {
        let path = desk.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, Firmware::esp8266().of("chase", version).build()).unwrap();
    };

    write("firmware.bin", "v1.0.1");
    let curl = recipe(&page, "curl");
    let line = curl.lines().next().unwrap().to_owned();
    assert!(line.contains("Bearer $ESPALIER_TOKEN"), "{line}");
    let said = shell(line, desk.path(), &token).await;
    assert!(said.contains("\"state\":\"published\"") && said.contains("v1.0.1"), "{said}");

    // As PlatformIO fills its variables in before it gives the line to a shell.
    write("build/firmware.bin", "v1.0.2");
    let pio = recipe(&page, "platformio");
    let line = pio.lines().find_map(|line| line.strip_prefix("upload_command = ")).unwrap();
    let line = line.replace("${sysenv.ESPALIER_TOKEN}", &token);
    let said = shell(line.replace("$SOURCE", "build/firmware.bin"), desk.path(), "").await;
    assert!(said.contains("\"state\":\"published\"") && said.contains("v1.0.2"), "{said}");

    write(".pio/build/esp/firmware.bin", "v1.0.3");
    let github = recipe(&page, "github");
    let script = github.split("run: |\n").nth(1).unwrap();
    let said = shell(script.to_owned(), desk.path(), &token).await;
    assert!(said.contains("\"state\":\"published\"") && said.contains("v1.0.3"), "{said}");

    let releases = server.token("read").await;
    let list = server.ask(&releases, "GET", "/api/v1/releases", "").await.is(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_api_can_be_read_on_a_page() {
    let (_server, mut browser, _) = server().await;
    let page = browser.get("/api").await.is(200);
    for words in ["upload:&#60;platform&#62;", "/api/v1/devices/{mac}/decision", "revokeToken"] {
        assert!(page.body.contains(words), "{words}");
    }
}
