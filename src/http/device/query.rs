//! The query string as devices write it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The value of a parameter; the first one where it is given several times.
///
/// Unlike in forms, a `+` stays a `+`: no platform's name holds a space, but some hold a plus, and
/// sketches write them as they are (`design.md` §6).
pub(super) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Who appends a second `?key=` means `&key=`; a secret must not end in a name.
        let more = value.contains('?').then(|| value.split_once("?key=")).flatten();
        let (value, more) = more.unwrap_or((value, ""));
        if name == "key" && !more.is_empty() {
            return Some(percent_decode_str(more).decode_utf8_lossy());
        }
        let value = (key == name).then(|| percent_decode_str(value));
        value.map(percent_encoding::PercentDecode::decode_utf8_lossy)
    })
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
