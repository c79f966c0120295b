//! `espalier user` and `espalier token`, beside a running server and without one.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use espalier::domain::actor::Actor;
use espalier::domain::event::Kind;

use crate::client::{PASSWORD, Server};

/// Runs the program; whether it worked, and what it said.
fn espalier(data: &Path, arguments: &str, input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_espalier"))
        .env_clear()
        .env("ESPALIER_DATA", data)
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_tokens_are_managed_beside_a_running_server() {
    let server = Server::start(&[]).await;
    let data = server.data.path().to_owned();
    let run = async |arguments: &'static str, input: String| {
        let data = data.clone();
        tokio::task::spawn_blocking(move || espalier(&data, arguments, &input)).await.unwrap()
    };
    server.browser().get("/").await.goes_to("/setup");
    let password = format!("{PASSWORD}\n");
    let (done, said) = run("user add anna --role administrator", password.clone()).await;
    assert!(done && said.contains("anna was added as administrator"), "{said}");
    let mut anna = server.browser();
    anna.signs_in("anna", PASSWORD).await.goes_to("/");

    let (done, said) = run("user list", String::new()).await;
    assert!(done && said.contains("anna\tadministrator"), "{said}");
    let (done, said) = run("user remove anna", String::new()).await;
    assert!(!done && said.contains("last administrator"), "{said}");
    let (done, said) = run("user add bert", "short\n".to_owned()).await;
    assert!(!done && said.contains("fewer than 12"), "{said}");
    let (done, _) = run("user password anna", "a brand new password\n".to_owned()).await;
    assert!(done);
    anna.get("/").await.goes_to("/login");
    server.browser().signs_in("anna", "a brand new password").await.goes_to("/");

    let (done, token) = run("token add CI --scope read --days 30", String::new()).await;
    assert!(done && token.starts_with("esp_"), "{token}");
    server.ask(token.trim(), "GET", "/api/v1/devices", "").await.is(200);
    let (done, said) = run("token list", String::new()).await;
    assert!(done && said.starts_with("1\tCI\tesp_") && !said.contains(token.trim()), "{said}");
    let (done, _) = run("token revoke 1", String::new()).await;
    assert!(done);
    server.ask(token.trim(), "GET", "/api/v1/devices", "").await.is(401);
    for (action, sentence) in [
        (Kind::UserCreated, "the command line added the user anna as administrator."),
        (Kind::PasswordChanged, "the command line gave anna a new password."),
        (Kind::TokenCreated, "the command line made the token CI (read, for 30 days)."),
        (Kind::TokenRevoked, "the command line revoked the token CI."),
    ] {
        let told = server.audit(action).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].text, sentence);
        assert_eq!(told[0].actor, Actor::command_line());
    }
}

#[test]
fn without_a_server_the_data_folder_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    let (done, said) = espalier(&data, "user add anna", PASSWORD);
    assert!(!done && said.contains("first user must be an administrator"), "{said}");
    let (done, said) = espalier(&data, "user add anna --role administrator", PASSWORD);
    assert!(done, "{said}");
    let (done, said) = espalier(&data, "user add Anna", PASSWORD);
    assert!(!done && said.contains("exists already"), "{said}");
    let (done, said) = espalier(&data, "user password nobody", PASSWORD);
    assert!(!done && said.contains("no such user"), "{said}");
    let (done, said) = espalier(&data, "user add anna --role king", PASSWORD);
    assert!(!done && said.contains("administrator, editor or viewer"), "{said}");
}

#[test]
fn a_first_password_that_cannot_be_used_is_told_with_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_espalier"))
        .env_clear()
        .env("ESPALIER_ADMIN_PASSWORD", "short")
        .args(["--port", "0", "--bind", "127.0.0.1", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("ESPALIER_ADMIN_PASSWORD") && said.contains("fewer than 12"), "{said}");
}
