//! OWASP ASVS 5.0, level 1: `.github/ASVS.md` says for each requirement which test proves it. Here
//! is what no other file proves, and that the table is whole and names tests that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::client::{PASSWORD, Server};

#[tokio::test]
async fn headers_protect_every_page() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    let mut stranger = server.browser();
    for answer in [
        anna.get("/account").await,
        anna.get("/settings/tokens").await,
        anna.get("/nothing").await,
        stranger.get("/login").await,
        stranger.get("/devices").await,
        anna.post_bare("/logout", &[]).await,
        stranger.send("GET", "/api/v1/devices", &[], b"").await,
    ] {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")) {
            continue;
        }
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors"),
            "{answer:?}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        let shares = |name: &str| name.to_ascii_lowercase().starts_with("access-control-");
        assert!(!answer.headers.iter().any(|(name, _)| shares(name)), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_answered_says_what_it_is() {
    let server = Server::with_anna().await;
    let mut anna = server.signed_in("anna").await;
    let token = server.token("read").await;
    for (answer, kind) in [
        (anna.get("/devices").await, "text/html; charset=utf-8"),
        (server.browser().get("/login").await, "text/html; charset=utf-8"),
        (anna.get("/nothing").await, "text/plain; charset=utf-8"),
        (server.ask(&token, "GET", "/api/v1/devices", "").await, "application/json"),
        (server.ask(&token, "GET", "/api/v1/devices/x", "").await, "application/problem+json"),
        (server.browser().get("/healthz").await, "text/plain; charset=utf-8"),
    ] {
        assert_eq!(answer.header("content-type"), Some(kind), "{answer:?}");
    }
}

#[tokio::test]
async fn a_password_is_checked_as_it_is_typed() {
    let server = Server::with_anna().await;
    for wrong in [PASSWORD.to_uppercase(), format!(" {PASSWORD}"), format!("{PASSWORD} ")] {
        server.browser_at([127, 0, 0, 7].into()).signs_in("anna", &wrong).await.is(422);
    }
    server.browser().signs_in("anna", PASSWORD).await.goes_to("/");
}

/// The files of the program with their texts.
fn sources() -> Vec<(PathBuf, String)> {
    fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 100, "the tree was read");
    found
}

/// sqlx takes texts that are part of the program, unless one asserts that another is safe; and its
/// builder takes any.
#[test]
fn no_query_is_put_together() {
    for (path, text) in sources() {
        assert!(!text.contains("AssertSqlSafe"), "{}", path.display());
        let builders = text.matches("QueryBuilder::new(").count();
        let added = text.matches("query.push(").count();
        let literal = |after: &str| after.trim_start().starts_with('"');
        for call in ["QueryBuilder::new(", "query.push("] {
            assert!(text.split(call).skip(1).all(literal), "{}: {call}", path.display());
        }
        assert!(added == 0 || builders > 0, "{}: name it `query`", path.display());
    }
}

#[test]
fn no_program_is_started() {
    for (path, text) in sources() {
        let text = text.split("#[cfg(test)]").next().unwrap();
        assert!(
            !text.contains("Command::new(\"") && !text.contains("process::Command"),
            "{}",
            path.display()
        );
    }
}

/// The requirements of level 1 in each section.
const LEVEL_1: [(&str, &[u8]); 36] = [
    ("1.2", &[1, 2, 3, 4, 5]),
    ("1.3", &[1, 2]),
    ("1.5", &[1]),
    ("2.1", &[1]),
    ("2.2", &[1, 2]),
    ("2.3", &[1]),
    ("3.2", &[1, 2]),
    ("3.3", &[1]),
    ("3.4", &[1, 2]),
    ("3.5", &[1, 2, 3]),
    ("4.1", &[1]),
    ("4.4", &[1]),
    ("5.2", &[1, 2]),
    ("5.3", &[1, 2]),
    ("6.1", &[1]),
    ("6.2", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("6.3", &[1, 2]),
    ("6.4", &[1, 2]),
    ("7.2", &[1, 2, 3, 4]),
    ("7.4", &[1, 2]),
    ("8.1", &[1]),
    ("8.2", &[1, 2]),
    ("8.3", &[1]),
    ("9.1", &[1, 2, 3]),
    ("9.2", &[1]),
    ("10.4", &[1, 2, 3, 4, 5]),
    ("11.3", &[1, 2]),
    ("11.4", &[1]),
    ("12.1", &[1]),
    ("12.2", &[1, 2]),
    ("13.4", &[1]),
    ("14.2", &[1]),
    ("14.3", &[1]),
    ("15.1", &[1]),
    ("15.2", &[1]),
    ("15.3", &[1]),
];
#[test]
fn the_table_is_whole_and_names_tests_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(root.join(".github/ASVS.md")).unwrap();
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| No.")).collect();
    let numbers: BTreeSet<String> =
        rows.iter().map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect();
    let wanted: BTreeSet<String> = LEVEL_1
        .iter()
        .flat_map(|(section, last)| last.iter().map(move |last| format!("{section}.{last}")))
        .collect();
    assert_eq!((rows.len(), &numbers), (70, &wanted));
    let mut files = BTreeMap::new();
    for row in rows {
        for test in row.split('`').skip(1).step_by(2).filter(|word| word.contains("::")) {
            let (file, name) = test.rsplit_once("::").unwrap();
            let path = root.join("tests").join(file.replace("::", "/")).with_extension("rs");
            let text = files
                .entry(path.clone())
                .or_insert_with(|| fs::read_to_string(&path).unwrap_or_default());
            let is_test = |attribute: &str, kind: &str| {
                text.contains(&format!("{attribute}]\n{kind}fn {name}()"))
            };
            let found = is_test("#[test", "") || is_test("#[tokio::test", "async ");
            assert!(found, "there is no test {test}");
        }
    }
    assert!(files.len() > 10, "{files:?}");
}

#[tokio::test]
async fn password_fields_hide_and_may_be_filled() {
    let server = Server::with_anna().await;
    let page = server.browser().get("/login").await.is(200);
    let field = page.body.split("<input id=\"password\"").nth(1).unwrap();
    let field = field.split('>').next().unwrap();
    assert!(
        field.contains("type=\"password\"") && field.contains("autocomplete=\"current-password\"")
    );
    let page = server.signed_in("anna").await.get("/account").await.is(200);
    page.says("autocomplete=\"new-password\"");
}

#[tokio::test]
async fn secrets_are_long() {
    let server = Server::with_anna().await;
    let mut browser = server.browser();
    browser.signs_in("anna", PASSWORD).await.goes_to("/");
    assert_eq!(browser.cookie("espalier_session").unwrap().len(), 64, "256 bits");
    assert_eq!(server.token("read").await.len(), "esp_".len() + 64);
}
