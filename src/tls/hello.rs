//! The first bytes of a connection: plain HTTP or TLS, and how large the records may be.
//!
//! An ESP8266 has no memory for records of 16 KiB. `BearSSL` there says so by the extension
//! `max_fragment_length` (RFC 6066 §4) whenever one of its two buffers is smaller than that, which
//! is always unless a sketch takes 33 KiB for them; the 512-byte buffers of ESPHome are code 1.
//! rustls knows nothing of the extension, so the hello is read here before rustls gets it.

/// Bytes of a hello that are looked at; a longer one comes from no small device.
pub const LONGEST_LOOK: usize = 8 * 1024;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const TLS_1_2: u16 = 0x0303;

const MAX_FRAGMENT_LENGTH: u16 = 1;
const ALPN: u16 = 16;
const EXTENDED_MAIN_SECRET: u16 = 23;
const SESSION_TICKET: u16 = 35;
const SUPPORTED_VERSIONS: u16 = 43;
const RENEGOTIATION_INFO: u16 = 0xFF01;

/// How much a record of ours may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Records {
    /// 512 bytes.
    Bytes512,
    /// 1 KiB.
    Bytes1024,
    /// 2 KiB.
    Bytes2048,
    /// 4 KiB.
    Bytes4096,
    /// As much as TLS allows: 16 KiB.
    Any,
}

impl Records {
    /// All of them, smallest first.
    pub const ALL: [Self; 5] =
        [Self::Bytes512, Self::Bytes1024, Self::Bytes2048, Self::Bytes4096, Self::Any];

    /// The bytes of plain text that a record holds at most.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes1024 => 1024,
            Self::Bytes2048 => 2048,
            Self::Bytes4096 => 4096,
            Self::Any => 16 * 1024,
        }
    }

    /// By the code of the extension.
    const fn by_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Bytes512),
            2 => Some(Self::Bytes1024),
            3 => Some(Self::Bytes2048),
            4 => Some(Self::Bytes4096),
            _ => None,
        }
    }
}

/// What the first bytes of a connection say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// More bytes are needed to tell.
    Incomplete,
    /// Anything but TLS.
    Plain,
    /// A client that speaks TLS, and the records it can take.
    Tls(Records),
}

/// Reads the first bytes of a connection. What is no well-formed hello gets records of any size,
/// and rustls to say what is wrong with it.
#[must_use]
pub fn read(bytes: &[u8]) -> Opening {
    match bytes.first() {
        None => return Opening::Incomplete,
        Some(&HANDSHAKE) => {}
        Some(_) => return Opening::Plain,
    }
    match message(bytes) {
        Message::Incomplete if bytes.len() < LONGEST_LOOK => Opening::Incomplete,
        Message::Incomplete | Message::Other => Opening::Tls(Records::Any),
        Message::Hello(hello) => Opening::Tls(records(&hello).unwrap_or(Records::Any)),
    }
}

enum Message {
    Incomplete,
    Other,
    /// The body of a `ClientHello`.
    Hello(Vec<u8>),
}

/// Takes the first handshake message out of the records that it may be spread over.
fn message(bytes: &[u8]) -> Message {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        let mut record = Reader(rest);
        let (Some(kind), Some(major), Some(_)) = (record.u8(), record.u8(), record.u8()) else {
            return Message::Incomplete;
        };
        let Some(length) = record.u16() else { return Message::Incomplete };
        if kind != HANDSHAKE || major != 3 || length == 0 {
            return Message::Other;
        }
        let Some(fragment) = record.take(usize::from(length)) else { return Message::Incomplete };
        message.extend_from_slice(fragment);
        rest = record.0;
        let mut whole = Reader(&message);
        let (Some(kind), Some(length)) = (whole.u8(), whole.u24()) else { continue };
        if kind != CLIENT_HELLO {
            return Message::Other;
        }
        if let Some(body) = whole.take(length) {
            return Message::Hello(body.to_vec());
        }
    }
}

/// What records the client of a hello can take; `None` where it is not well-formed.
fn records(hello: &[u8]) -> Option<Records> {
    let mut hello = Reader(hello);
    let version = hello.u16()?;
    hello.take(32)?;
    let session = hello.u8()?;
    hello.take(usize::from(session))?;
    let suites = hello.u16()?;
    hello.take(usize::from(suites))?;
    let compressions = hello.u8()?;
    hello.take(usize::from(compressions))?;
    let mut asked = None;
    // What BearSSL always sends, and what it never sends.
    let (mut own, mut foreign) = (false, version > TLS_1_2);
    if let Some(length) = hello.u16() {
        let mut extensions = Reader(hello.take(usize::from(length))?);
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let length = extensions.u16()?;
            let data = extensions.take(usize::from(length))?;
            match (kind, data) {
                (MAX_FRAGMENT_LENGTH, &[code]) => asked = Records::by_code(code),
                (RENEGOTIATION_INFO, _) => own = true,
                (ALPN | EXTENDED_MAIN_SECRET | SESSION_TICKET | SUPPORTED_VERSIONS, _) => {
                    foreign = true;
                }
                _ => {}
            }
        }
    }
    Some(match asked {
        Some(records) => records,
        // BearSSL's shape without the extension: it costs a few bytes more, should it be wrong.
        None if own && !foreign => Records::Bytes512,
        None => Records::Any,
    })
}

/// Reads from the front; `None` where too little is left.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u24(&mut self) -> Option<usize> {
        let bytes = self.take(3)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RENEGOTIATION: (u16, &[u8]) = (RENEGOTIATION_INFO, &[0]);
    const CURVES: (u16, &[u8]) = (10, &[0, 2, 0, 23]);

    fn length16(bytes: &[u8]) -> [u8; 2] {
        u16::try_from(bytes.len()).unwrap().to_be_bytes()
    }

    /// The handshake message of a client with these extensions.
    fn hello(version: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend([7; 32]);
        body.push(0);
        body.extend([0, 4, 0xC0, 0x2B, 0xCC, 0xA9]);
        body.extend([1, 0]);
        let mut all = Vec::new();
        for (kind, data) in extensions {
            all.extend(kind.to_be_bytes());
            all.extend(length16(data));
            all.extend(*data);
        }
        if !extensions.is_empty() {
            body.extend(length16(&all));
            body.extend(all);
        }
        let [_, _, high, middle, low] = [0, 0, 0, length16(&body)[0], length16(&body)[1]];
        [vec![CLIENT_HELLO, high, middle, low], body].concat()
    }

    /// The same in records of at most so many bytes.
    fn in_records(message: &[u8], most: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &length16(part), part].concat();
        message.chunks(most).flat_map(record).collect()
    }

    #[test]
    fn the_extension_decides_and_else_the_shape() {
        for (version, extensions, records) in [
            (TLS_1_2, &[(1, &[1][..]), RENEGOTIATION][..], Records::Bytes512),
            (TLS_1_2, &[(1, &[2])], Records::Bytes1024),
            (TLS_1_2, &[CURVES, (1, &[3]), (43, &[2, 3, 4])], Records::Bytes2048),
            (TLS_1_2, &[(16, &[0]), (1, &[4])], Records::Bytes4096),
            // BearSSL with large buffers.
            (TLS_1_2, &[(0, b"pi"), RENEGOTIATION, CURVES], Records::Bytes512),
            (0x0302, &[RENEGOTIATION], Records::Bytes512),
            // OpenSSL, mbedTLS, browsers.
            (TLS_1_2, &[RENEGOTIATION, (EXTENDED_MAIN_SECRET, &[])], Records::Any),
            (TLS_1_2, &[RENEGOTIATION, (SESSION_TICKET, &[])], Records::Any),
            (TLS_1_2, &[RENEGOTIATION, (SUPPORTED_VERSIONS, &[2, 3, 4])], Records::Any),
            (TLS_1_2, &[RENEGOTIATION, (ALPN, &[0])], Records::Any),
            (0x0304, &[RENEGOTIATION], Records::Any),
            (TLS_1_2, &[CURVES], Records::Any),
            (TLS_1_2, &[], Records::Any),
            // No code that the extension knows.
            (TLS_1_2, &[(1, &[9])], Records::Any),
            (TLS_1_2, &[(1, &[1, 1])], Records::Any),
        ] {
            let bytes = in_records(&hello(version, extensions), 16_384);
            assert_eq!(read(&bytes), Opening::Tls(records), "{version:x} {extensions:?}");
        }
    }

    #[test]
    fn a_hello_is_read_wherever_it_is_cut_and_however_it_is_spread() {
        let hello = hello(TLS_1_2, &[CURVES, (1, &[1])]);
        for most in [1, 2, 5, 40, 16_384] {
            let bytes = in_records(&hello, most);
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Opening::Incomplete, "{most} {cut}");
            }
            assert_eq!(read(&bytes), Opening::Tls(Records::Bytes512), "{most}");
            let more = [bytes, b"more".to_vec()].concat();
            assert_eq!(read(&more), Opening::Tls(Records::Bytes512), "{most}");
        }
    }

    #[test]
    fn what_is_no_hello_is_left_to_others() {
        for (bytes, opening) in [
            (&b"GET / HTTP/1.0\r\n"[..], Opening::Plain),
            (b"\r\n", Opening::Plain),
            (&[0x80, 0x2E, 1], Opening::Plain),
            (b"", Opening::Incomplete),
            (&[HANDSHAKE, 3], Opening::Incomplete),
            (&[HANDSHAKE, 2, 0, 0, 5], Opening::Tls(Records::Any)),
            (&[HANDSHAKE, 3, 1, 0, 0], Opening::Tls(Records::Any)),
            (&[HANDSHAKE, 3, 1, 0, 4, 2, 0, 0, 0], Opening::Tls(Records::Any)),
            (&[HANDSHAKE, 3, 1, 0, 5, CLIENT_HELLO, 0, 0, 1, 3], Opening::Tls(Records::Any)),
        ] {
            assert_eq!(read(bytes), opening, "{bytes:?}");
        }
        let endless = [&[HANDSHAKE, 3, 1, 0x40, 0][..], &vec![1; LONGEST_LOOK]].concat();
        assert_eq!(read(&endless[..LONGEST_LOOK - 1]), Opening::Incomplete);
        assert_eq!(read(&endless[..LONGEST_LOOK]), Opening::Tls(Records::Any));
        // Lengths that point beyond the end, at every place.
        let whole = in_records(&hello(TLS_1_2, &[CURVES, (1, &[1])]), 16_384);
        for at in 9..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xFF;
            assert!(matches!(read(&broken), Opening::Tls(_)), "{at}");
        }
    }
}
