//! What browsers may do with the pages, and by which names they ask for them.

use std::str::FromStr;

use super::transport::items;

/// Names by which pages and API are asked for, besides those that cannot be anybody else's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNames(Vec<String>);

impl HostNames {
    /// Whether a name in lower case is among them; `*` stands for any, `*.example.com` for all
    /// that end so.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|own| match own.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => own == name,
        })
    }
}

impl FromStr for HostNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let read = |item: &str| {
            let name = match item.strip_prefix('*') {
                Some(end) if end.is_empty() || end.starts_with('.') => end,
                _ => item,
            };
            if name.chars().all(plain) {
                return Ok(item.to_ascii_lowercase());
            }
            Err(format!("“{item}”: expected a name without a port, like ota.example.com"))
        };
        items(text).map(read).collect::<Result<_, _>>().map(Self)
    }
}

/// Who may show the pages in a frame, as the directive `frame-ancestors` says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameAncestors(String);

impl FrameAncestors {
    /// The sources of the directive.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FrameAncestors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut sources = Vec::new();
        for item in items(text) {
            match item.trim_matches('\'').to_ascii_lowercase().as_str() {
                "none" => {}
                "self" => sources.push("'self'".to_owned()),
                origin if is_origin(origin) => sources.push(origin.to_owned()),
                _ => {
                    return Err(format!(
                        "“{item}”: expected none, self, or an address like \
                         http://homeassistant.local:8123"
                    ));
                }
            }
        }
        let none = sources.is_empty();
        Ok(Self(if none { "'none'".to_owned() } else { sources.join(" ") }))
    }
}

/// Whether this is a scheme and a host, perhaps with a port, and nothing else.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]*".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_with_or_without_what_stands_before_them() {
        let names: HostNames = "ota.example.com, *.Lab.example".parse().unwrap();
        for (name, known) in [
            ("ota.example.com", true),
            ("a.lab.example", true),
            ("lab.example", false),
            ("evilota.example.com", false),
            ("example.com", false),
        ] {
            assert_eq!(names.contains(name), known, "{name}");
        }
        assert!("*".parse::<HostNames>().unwrap().contains("evil.example"));
        assert!(!"".parse::<HostNames>().unwrap().contains(""));
        for text in ["ota.example.com:8000", "http://ota", "*example", "a b/c"] {
            assert!(text.parse::<HostNames>().is_err(), "{text}");
        }
    }

    #[test]
    fn frames_are_for_nobody_or_for_those_who_are_named() {
        let read = |text: &str| text.parse::<FrameAncestors>().map(|frames| frames.0);
        for (text, sources) in [
            ("", "'none'"),
            ("none", "'none'"),
            ("'self'", "'self'"),
            ("self, http://ha.local:8123", "'self' http://ha.local:8123"),
            ("https://*.example.com https://b", "https://*.example.com https://b"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(sources), "{text}");
        }
        for text in
            ["ha.local", "http://a;script-src *", "http://", "'unsafe-inline'", "http://a/b"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
