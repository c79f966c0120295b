//! The repair of request lines that real clients send and no parser accepts.
//!
//! `AutoConnect` asks for `bin/my file.bin` as its catalog names it, an ESP32 core 1 asks for
//! nothing at all. Both are meant as paths below the root.

/// The longest request line that is looked at.
pub(super) const MAX_LINE: usize = 8 * 1024;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The bytes that may stand in the target of a request as they are (RFC 3986, plus `#`).
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        plain[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~!$&'()*+,;=:@/?%#";
    let mut at = 0;
    while at < marks.len() {
        plain[marks[at] as usize] = true;
        at += 1;
    }
    plain
};

/// The line as it should have been, or `None` if it can stay as it is: because it is fine, or
/// because it is no request of ours and the parser shall say so. `line` has no line end.
pub(super) fn repaired(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let first = memchr::memchr(b' ', line)?;
    let last = memchr::memrchr(b' ', line)?;
    let (method, version) = (&line[..first], &line[last + 1..]);
    if first == last || !is_method(method) || !is_version(version) {
        return None;
    }
    let raw = &line[first + 1..last];
    if is_clean(raw) || keeps_its_form(method, raw) {
        return None;
    }
    let mut fixed = Vec::with_capacity(line.len() + 32);
    fixed.extend_from_slice(method);
    fixed.extend_from_slice(b" /");
    encode(raw.trim_ascii(), &mut fixed);
    fixed.push(b' ');
    fixed.extend_from_slice(version);
    Some(fixed)
}

fn is_method(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
}

fn is_version(word: &[u8]) -> bool {
    word.len() == 8 && word.starts_with(b"HTTP/1.") && word[7].is_ascii_digit()
}

/// One leading slash and nothing that would have to be encoded.
fn is_clean(target: &[u8]) -> bool {
    target.first() == Some(&b'/')
        && target.get(1) != Some(&b'/')
        && target.iter().all(|byte| PLAIN[usize::from(*byte)])
}

/// `OPTIONS *`, a proxy's absolute address and the authority of `CONNECT` are no paths.
fn keeps_its_form(method: &[u8], target: &[u8]) -> bool {
    let begins = |scheme: &[u8]| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    (method == b"OPTIONS" && target == b"*")
        || method == b"CONNECT"
        || begins(b"http://")
        || begins(b"https://")
}

/// Appends `target` without its leading slashes, with everything encoded that has to be.
fn encode(target: &[u8], into: &mut Vec<u8>) {
    let slashes = target.iter().take_while(|byte| **byte == b'/').count();
    for byte in &target[slashes..] {
        if PLAIN[usize::from(*byte)] {
            into.push(*byte);
        } else {
            let (high, low) = (byte >> 4, byte & 15);
            into.extend([b'%', HEX[usize::from(high)], HEX[usize::from(low)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Uri;

    fn after(line: &[u8]) -> String {
        let fixed = repaired(line).unwrap_or_else(|| line.to_vec());
        String::from_utf8_lossy(&fixed).into_owned()
    }

    #[test]
    fn what_real_clients_send_becomes_a_path() {
        let table: &[(&[u8], &str)] = &[
            (b"GET bin/x.bin HTTP/1.0", "GET /bin/x.bin HTTP/1.0"),
            (b"GET x.bin HTTP/1.0\r", "GET /x.bin HTTP/1.0"),
            (b"GET //x.bin HTTP/1.0", "GET /x.bin HTTP/1.0"),
            (b"GET / HTTP/1.0", "GET / HTTP/1.0"),
            (b"GET // HTTP/1.0", "GET / HTTP/1.0"),
            (b"GET /my file.bin HTTP/1.0", "GET /my%20file.bin HTTP/1.0"),
            (b"GET my  file.bin HTTP/1.0", "GET /my%20%20file.bin HTTP/1.0"),
            (b"GET  HTTP/1.0", "GET / HTTP/1.0"),
            (b"GET   HTTP/1.0", "GET / HTTP/1.0"),
            (b"GET  /x HTTP/1.1", "GET /x HTTP/1.1"),
            (b"GET ?dev=a&ver=1 HTTP/1.0", "GET /?dev=a&ver=1 HTTP/1.0"),
            (b"GET /a%20b%zz HTTP/1.0", "GET /a%20b%zz HTTP/1.0"),
            (b"GET /a%20b c HTTP/1.0", "GET /a%20b%20c HTTP/1.0"),
            ("GET /grün.bin HTTP/1.0".as_bytes(), "GET /gr%C3%BCn.bin HTTP/1.0"),
            (
                b"GET /u?[a]|b\"<>\\^`{} HTTP/1.1",
                "GET /u?%5Ba%5D%7Cb%22%3C%3E%5C%5E%60%7B%7D HTTP/1.1",
            ),
            (b"POST update HTTP/1.1", "POST /update HTTP/1.1"),
            (b"GET /a\tb HTTP/1.1", "GET /a%09b HTTP/1.1"),
        ];
        for (line, expected) in table {
            assert_eq!(after(line), *expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_is_right_or_hopeless_stays() {
        let table: &[&[u8]] = &[
            b"GET /update?dev=chase&ver=v1.0.2 HTTP/1.0",
            b"GET /a/b;c=d/@!$&'()*+,~.bin?x=%20 HTTP/1.1\r",
            b"OPTIONS * HTTP/1.1",
            b"GET http://10.0.0.1:8000/a b HTTP/1.1",
            b"GET HTTPS://[::1]/x HTTP/1.1",
            b"CONNECT example.org:443 HTTP/1.1",
            b"GET",
            b"GET /x",
            b"GET HTTP/1.0",
            b"GET /x y",
            b"PRI * HTTP/2.0",
            b"\x16\x03\x01\x02 \x01 HTTP/1.0",
            b" /x HTTP/1.0",
            b"",
            b" ",
            b"\r",
        ];
        for line in table {
            assert_eq!(repaired(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn every_byte_ends_as_a_target_that_is_accepted() {
        for byte in (0..=255_u8).filter(|byte| *byte != b'\n') {
            for target in [vec![byte], vec![b'/', byte, b'x'], vec![b'/', b'?', byte, b'x']] {
                let line = [b"GET ", target.as_slice(), b" HTTP/1.0"].concat();
                let fixed = after(&line);
                let target = fixed.split(' ').nth(1).unwrap();
                assert!(target.starts_with('/'), "{fixed}");
                assert!(target.parse::<Uri>().is_ok(), "{fixed}");
                assert_eq!(fixed.split(' ').count(), 3, "{fixed}");
            }
        }
    }
}
