//! The rules that the source tree keeps: the direction of dependency, small files, words on top.

#![expect(clippy::expect_used, reason = "a test says what is wrong by failing")]

use std::fs;
use std::path::{Path, PathBuf};

/// Lines that a file may have without its tests.
const LONGEST: usize = 400;

/// A file of `src/` as the rules see it.
struct Source {
    /// Its path beneath `src/`.
    path: String,
    text: String,
    /// The code alone: without comments, texts, and what is only compiled for tests.
    code: String,
}

#[test]
fn the_domain_is_pure_and_synchronous() {
    let words = ["axum", "sqlx", "askama", "hyper", "tokio", "object_store", "async", "await"];
    forbid("domain/", &words);
}

#[test]
fn only_the_store_knows_the_database() {
    forbid_outside(&["store/"], &["sqlx"]);
    forbid("store/", &["axum", "askama", "hyper"]);
    forbid_paths("store/", &["crate::app", "crate::http", "crate::blobs", "crate::server"]);
}

#[test]
fn only_http_knows_http() {
    forbid_outside(&["http/"], &["axum", "askama", "hyper", "hyper_util", "tower", "tower_http"]);
}

#[test]
fn the_program_itself_knows_no_adapter() {
    forbid_paths("app/", &["crate::http", "crate::jobs", "crate::server", "crate::cli"]);
    forbid("app/", &["axum", "askama", "hyper", "sqlx"]);
}

#[test]
fn jobs_do_not_know_http() {
    forbid("jobs/", &["http", "axum", "hyper", "sqlx"]);
}

#[test]
fn arrows_point_inwards() {
    let outer = ["crate::app", "crate::http", "crate::jobs", "crate::server", "crate::cli"];
    let domain = ["crate::store", "crate::blobs", "crate::config", "crate::clock"];
    forbid_paths("domain/", &outer);
    forbid_paths("domain/", &domain);
    forbid_paths("blobs.rs", &outer);
    forbid_paths("blobs.rs", &["crate::store"]);
    forbid_paths("config.rs", &outer);
    forbid_paths("http/", &["crate::jobs", "crate::server", "crate::cli"]);
}

#[test]
fn only_the_store_names_its_engine() {
    let allowed = ["store/", "blobs.rs", "config.rs"];
    forbid_outside(&allowed, &["Sqlite", "SqlitePool", "Postgres", "PgPool", "S3"]);
}

#[test]
fn time_comes_from_the_clock() {
    let broken = sources().into_iter().filter(|source| {
        let own = source.path == "clock.rs";
        !own && ["SystemTime::now", "Timestamp::now", "Zoned::now"]
            .iter()
            .any(|call| source.code.contains(call))
    });
    report("asks the system for the time", broken.map(|source| source.path));
}

/// A route that is not among `Routes` has no guard, and the matrix of rights does not know it.
#[test]
fn routes_are_added_where_they_are_guarded() {
    let adding = [".route(", ".route_service(", ".nest(", ".nest_service(", ".fallback_service("];
    let broken = sources().into_iter().filter_map(|source| {
        let calls: usize = adding.iter().map(|call| source.code.matches(call).count()).sum();
        // Those of the guard itself; whatever else is below `/api/` is refused to everybody.
        let known = match source.path.as_str() {
            "http/access/guard.rs" | "http/api/mod.rs" => 2,
            _ => 0,
        };
        (calls != known).then(|| format!("{}: {calls}, not {known}", source.path))
    });
    report("adds routes beside `Routes`", broken);
}

#[test]
fn files_are_small() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = untested(&source.text).lines().count();
        (lines > LONGEST).then(|| format!("{} ({lines} lines)", source.path))
    });
    report("is longer than 400 lines without its tests", long);
}

#[test]
fn every_file_says_what_it_is() {
    let mute = sources().into_iter().filter(|source| !source.text.starts_with("//! "));
    report("does not begin with a doc comment", mute.map(|source| source.path));
}

#[test]
fn a_noun_has_the_same_name_in_every_ring() {
    let names: Vec<String> = sources().into_iter().map(|source| source.path).collect();
    for noun in ["devices", "platforms", "releases", "events", "settings"] {
        let in_store = names.iter().any(|name| name.starts_with(&format!("store/{noun}")));
        let in_web = names.iter().any(|name| name.starts_with(&format!("http/web/{noun}")));
        assert!(in_store && in_web, "{noun}");
    }
}

/// No file under this path uses these words.
fn forbid(under: &str, words: &[&str]) {
    let inside = sources().into_iter().filter(|source| source.path.starts_with(under));
    let broken: Vec<String> = inside.flat_map(|source| uses(&source, words)).collect();
    report(&format!("must not be used in {under}"), broken);
}

/// No file but those under these paths uses these words.
fn forbid_outside(allowed: &[&str], words: &[&str]) {
    let is_allowed = |source: &Source| allowed.iter().any(|path| source.path.starts_with(path));
    let outside = sources().into_iter().filter(|source| !is_allowed(source));
    let broken: Vec<String> = outside.flat_map(|source| uses(&source, words)).collect();
    report(&format!("may only be used in {}", allowed.join(", ")), broken);
}

/// No file under this path names these modules.
fn forbid_paths(under: &str, modules: &[&str]) {
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| source.path.starts_with(under)) {
        for module in modules {
            let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            let named = source.code.match_indices(module);
            if named.into_iter().any(|(at, _)| ends(&source.code[at + module.len()..])) {
                broken.push(format!("{}: {module}", source.path));
            }
        }
    }
    report(&format!("must not be named in {under}"), broken);
}

fn uses(source: &Source, words: &[&str]) -> Vec<String> {
    let mut all = source.code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let used = all.by_ref().filter(|word| words.contains(word));
    let mut used: Vec<String> = used.map(|word| format!("{}: {word}", source.path)).collect();
    used.sort();
    used.dedup();
    used
}

#[track_caller]
fn report(rule: &str, broken: impl IntoIterator<Item = String>) {
    let broken: Vec<String> = broken.into_iter().collect();
    assert!(broken.is_empty(), "{rule}: {broken:#?}");
}

/// All files of `src/` that are not tests altogether.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let source = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file is text");
        let beneath = path.strip_prefix(&root).expect("beneath src");
        let path = beneath.to_str().expect("a plain name").to_owned();
        let code = code(untested(&text));
        Source { path, text, code }
    };
    let is_test =
        |source: &Source| source.path.ends_with("/tests.rs") || source.path.contains("/tests/");
    let sources: Vec<Source> = files.into_iter().map(source).filter(|s| !is_test(s)).collect();
    assert!(sources.len() > 50, "the tree was read");
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A file up to its tests, which stand at its end.
fn untested(text: &str) -> &str {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    &text[..tests.unwrap_or(text.len())]
}

/// The code without comments and without what stands between quotation marks.
fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("'\"'") {
            3
        } else if let Some(hashes) = raw_text(rest) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            begin + rest[begin..].find(&end).expect("a text ends") + end.len()
        } else if c == '"' {
            1 + quoted(&rest[1..])
        } else {
            code.push(c);
            c.len_utf8()
        };
        rest = &rest[skipped..];
    }
    code
}

/// How many `#` the raw text has that begins here, if one does.
fn raw_text(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix('r')?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a text up to and with its closing mark.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

#[test]
fn comments_and_texts_are_no_code() {
    assert_eq!(code("let a = \"sqlx\"; // axum\n//! hyper\nb"), "let a = ; \n\nb");
    assert_eq!(code("a(\"\\\"x\n y\", '\"', r#\"z\"z\"#, \"\", c)"), "a(, , , , c)");
    assert_eq!(untested("a\n#[cfg(test)]\nmod tests {\n b }"), "a\n");
}
