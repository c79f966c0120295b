//! OWASP ASVS 5.0, level 1: what applies to this server, and the test that proves it.
//!
//! | Requirement | Proof |
//! |---|---|
//! | 1.2.1 output is escaped for its place | `attacks::names_bring_no_headers_and_no_markup` |
//! | 1.2.4 queries are parameters | `it::hardening::what_is_searched_for_is_no_part_of_a_query`; sqlx takes constant texts only |
//! | 2.2.1 input is checked against what is expected | `people::users_are_added_with_a_good_password` |
//! | 3.2.1 answers are not taken for another kind | `headers_protect_every_page` |
//! | 3.3.1 cookies are `Secure` over TLS | `http::access::cookies` (unit tests) |
//! | 3.4.1, 3.4.4, 3.4.6 CSP, `nosniff`, no frames | `headers_protect_every_page` |
//! | 3.5.1 forms are safe from other sites | `attacks::a_form_without_the_right_token_changes_nothing`, `attacks::signing_in_is_protected_from_other_sites_too` |
//! | 3.5.3 reading changes nothing | `matrix::every_route_as_everybody`: changes are `POST`, `PATCH`, `DELETE` |
//! | 6.1.1 guessing is slowed down and nobody is locked out | `attacks::ten_thousand_wrong_passwords_do_not_lock_the_owner_out` |
//! | 6.2.1, 6.2.9 passwords of 12 to 128 characters | `domain::access::password` (unit tests) |
//! | 6.2.2, 6.2.3 one changes one's password, with the current one | `people::a_new_password_ends_the_other_sessions` |
//! | 6.2.4 common passwords are refused | `domain::access::password`; its list holds the common ones of 12 characters and more, not 3,000 |
//! | 6.2.5 no rules of composition | `domain::access::password` |
//! | 6.2.6, 6.2.7 fields are `type=password`, and may be filled and pasted | `password_fields_hide_and_may_be_filled` |
//! | 6.2.8 a password is checked as it is typed | `app::accounts::hashing` (unit tests) |
//! | 6.3.1 no default credentials | `people::the_first_administrator_is_made_by_whoever_reads_the_log` |
//! | 6.3.8 names cannot be found out | `attacks::a_sign_in_does_not_tell_which_names_there_are` |
//! | 6.4.1 first codes are random and end | `attacks::the_set_up_code_cannot_be_guessed` |
//! | 6.5.1 a one-time code is good once | `codes::with_codes_on_the_password_alone_is_not_enough` |
//! | 7.2.1–7.2.3 sessions are checked here, by random references of 256 bits | `secrets_are_long`, `attacks::a_session_that_was_slipped_in_is_not_taken_over` |
//! | 7.2.4 a new reference at every sign-in | `attacks::signing_in_anew_ends_the_session_before` |
//! | 7.4.1, 7.4.2 sessions end by signing out, or with the account | `attacks::a_cookie_is_worth_nothing_after_signing_out`, `people::a_change_of_role_holds_from_the_next_request_on` |
//! | 8.2.1, 8.2.2, 8.3.1 access is decided here, for each route and thing | `matrix::every_route_as_everybody`, `tokens::a_build_server_stays_on_its_platform` |
//! | 11.4.2 passwords are kept as a slow hash | `people::secrets_stay_out_of_the_database_and_the_log` |
//! | 14.2.1 secrets are not in addresses | `people::secrets_stay_out_of_the_database_and_the_log`; tokens are headers. A device whose updater can send none may have its own secret in the address: `it::secrets::a_secret_is_written_down_nowhere` |
//! | 14.3.1 what a browser keeps is gone after signing out | `people::signing_in_leads_to_where_one_wanted_to_go` (`no-store`) |
//! | 16.2.5 the log holds no secrets | `domain::secret` (unit tests) |

use std::path::Path;

use crate::client::{PASSWORD, Server};

/// The proofs in the table above, each with the requirement that it is for.
fn proofs() -> Vec<(&'static str, &'static str)> {
    let rows = include_str!("asvs.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows = rows.filter(|row| row.starts_with(|first: char| first.is_ascii_digit()));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit_once(" | "));
    cells
        .flat_map(|(requirement, proof)| {
            let quoted = proof.split('`').skip(1).step_by(2);
            let paths = quoted.filter(|text| {
                let names =
                    |c: char| c.is_ascii_lowercase() || "_:".contains(c) || c.is_ascii_digit();
                text.chars().all(names) && text.contains(['_', ':'])
            });
            let found: Vec<_> = paths.map(|path| (requirement, path)).collect();
            assert!(!found.is_empty(), "nothing proves {requirement}");
            found
        })
        .collect()
}

/// Whether there is a test of this path: of these tests, of `it`, or unit tests of a module.
fn is_there(path: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: String| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let has_test = |text: &str, name: &str| {
        let signature = [format!("fn {name}() {{"), format!("fn {name}() -> ")];
        let mut before = "";
        text.lines().map(str::trim).any(|line| {
            let is_test = before.starts_with("#[test]") || before.starts_with("#[tokio::test");
            before = line;
            is_test && signature.iter().any(|signature| line.contains(signature))
        })
    };
    let (module, name) = path.rsplit_once("::").unwrap_or(("asvs", path));
    let text = match module.split_once("::") {
        Some(("it", module)) => read(format!("tests/it/{module}.rs")),
        _ => read(format!("tests/access/{module}.rs")),
    };
    let file = path.replace("::", "/");
    let own = [read(format!("src/{file}.rs")), read(format!("src/{file}/mod.rs"))];
    has_test(&text, name) || own.iter().any(|text| text.contains("#[test]"))
}

#[test]
fn every_proof_of_the_table_is_a_test() {
    let proofs = proofs();
    assert!(proofs.len() > 25, "{}", proofs.len());
    for (requirement, path) in proofs {
        assert!(is_there(path), "{requirement}: there is no test {path}");
    }
    for wrong in ["attacks::nothing_like_it", "attacks", "domain::access::nothing", "proofs"] {
        assert!(!is_there(wrong), "{wrong}");
    }
}

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
    }
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
