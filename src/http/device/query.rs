//! The query string as devices write it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of a parameter; the first one where it is given several times.
///
/// Unlike in forms, a `+` stays a `+`: no platform's name holds a space, but some hold a plus, and
/// sketches write them as they are (`design.md` §6).
pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = Some(query);
    while let Some(pairs) = rest {
        let (pair, others) = cut(pairs, b'&');
        rest = others;
        let (key, value) = cut(pair, b'=');
        let value = value.unwrap_or_default();
        // Who appends a second `?key=` means `&key=`; a secret must not end in a name.
        let more = cut(value, b'?').1.and_then(|_| value.split_once("?key="));
        let (value, more) = more.unwrap_or((value, ""));
        if name == "key" && !more.is_empty() {
            return Some(decoded(more));
        }
        if key == name {
            return Some(decoded(value));
        }
    }
    None
}

/// What stands before the first such byte, and what behind it. By hand, because every check-in
/// asks several times, and searching for a `char` costs three times as much.
fn cut(text: &str, at: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == at) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    match cut(text, b'%') {
        (plain, None) => Cow::Borrowed(plain),
        _ => percent_decode_str(text).decode_utf8_lossy(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_other_parameters_do_not_matter() {
        for query in ["dev=chase&ver=v1.0.2", "ver=v1.0.2&dev=chase", "x=1&ver=v1.0.2&dev=chase&y"]
        {
            assert_eq!(value(query, "dev").as_deref(), Some("chase"));
            assert_eq!(value(query, "ver").as_deref(), Some("v1.0.2"));
        }
    }

    #[test]
    fn a_plus_is_a_plus_however_it_is_written() {
        assert_eq!(value("dev=a+b", "dev").as_deref(), Some("a+b"));
        assert_eq!(value("dev=a%2Bb", "dev").as_deref(), Some("a+b"));
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        assert_eq!(value("", "dev"), None);
        assert_eq!(value("device=x", "dev"), None);
        assert_eq!(value("dev", "dev").as_deref(), Some(""));
        assert_eq!(value("ver=1&dev=a?key=x", "dev").as_deref(), Some("a"));
        assert_eq!(value("ver=1&dev=a?key=x", "key").as_deref(), Some("x"));
    }
}
