//! Where requests begin in a stream of bytes, and the repair of their first lines.

use std::mem;

use super::request_line::{self, MAX_LINE};

/// The longest header line that is read; those of interest are short. Of a longer one so much is
/// remembered across two reads that it is known to be longer.
const MAX_FIELD: usize = 128;

/// Follows the requests of one connection byte by byte: heads and bodies of a known length.
///
/// Bytes that need no change are only looked at; a request line that is incomplete or has to be
/// changed is taken out of the stream and comes back through [`Framing::deliver`].
pub(super) struct Framing {
    phase: Phase,
    heads: u64,
    length: Option<u64>,
    odd: bool,
    partial: Vec<u8>,
    held: Vec<u8>,
    out: Vec<u8>,
    given: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between two requests, or in a request line that is held back.
    Line,
    Headers,
    Body(u64),
    /// Whatever comes now is none of our business.
    Opaque,
}

/// What the connection is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A request; the number counts those that have come.
    Idle(u64),
    /// The rest of a request's head.
    Head(u64),
    /// The rest of a body.
    Body,
}

enum Scan {
    /// Nothing to change up to the end.
    Pass,
    /// An incomplete request line begins here.
    Hold(usize),
    /// This part is replaced by that line, its line end included.
    Replace(usize, usize, Vec<u8>),
}

impl Framing {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Line,
            heads: 0,
            length: None,
            odd: false,
            partial: Vec::new(),
            held: Vec::new(),
            out: Vec::new(),
            given: 0,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        match self.phase {
            Phase::Line if self.held.is_empty() => Stage::Idle(self.heads),
            Phase::Line | Phase::Headers => Stage::Head(self.heads),
            Phase::Body(_) | Phase::Opaque => Stage::Body,
        }
    }

    /// The number of the request of whose body something is missing, or 0.
    pub(super) fn open(&self) -> u64 {
        match self.phase {
            Phase::Body(_) | Phase::Opaque => self.heads,
            Phase::Line | Phase::Headers => 0,
        }
    }

    /// Looks at newly read bytes and says how many of them go on as they are; the others are kept.
    pub(super) fn accept(&mut self, data: &[u8]) -> usize {
        if !self.held.is_empty() {
            let mut all = mem::take(&mut self.held);
            all.extend_from_slice(data);
            self.sort(&all);
            return 0;
        }
        match self.scan(data) {
            Scan::Pass => data.len(),
            Scan::Hold(at) => {
                self.held = data[at..].to_vec();
                at
            }
            Scan::Replace(at, end, line) => {
                self.out.extend_from_slice(&line);
                self.sort(&data[end..]);
                at
            }
        }
    }

    /// The stream has ended: an incomplete line goes on as it is.
    pub(super) fn end(&mut self) {
        self.out.append(&mut self.held);
        self.phase = Phase::Opaque;
    }

    /// Hands out up to `room` bytes of those that were kept and are ready.
    pub(super) fn deliver(&mut self, room: usize) -> &[u8] {
        let from = self.given;
        self.given = self.out.len().min(from + room);
        &self.out[from..self.given]
    }

    /// Whether [`Framing::deliver`] has something; frees the memory when it has not.
    pub(super) fn is_ready(&mut self) -> bool {
        if self.given < self.out.len() {
            return true;
        }
        if self.given > 0 {
            self.out = Vec::new();
            self.given = 0;
        }
        false
    }

    /// Whether the peer has sent less or more than the requests which were passed on.
    pub(super) fn is_unfinished(&self) -> bool {
        self.phase != Phase::Line || !self.held.is_empty() || self.given < self.out.len()
    }

    fn sort(&mut self, data: &[u8]) {
        let mut rest = data;
        loop {
            match self.scan(rest) {
                Scan::Pass => return self.out.extend_from_slice(rest),
                Scan::Hold(at) => {
                    self.out.extend_from_slice(&rest[..at]);
                    self.held = rest[at..].to_vec();
                    return;
                }
                Scan::Replace(at, end, line) => {
                    self.out.extend_from_slice(&rest[..at]);
                    self.out.extend_from_slice(&line);
                    rest = &rest[end..];
                }
            }
        }
    }

    fn scan(&mut self, data: &[u8]) -> Scan {
        let mut at = 0;
        while at < data.len() {
            match self.phase {
                Phase::Line if matches!(data[at], b'\r' | b'\n') => at += 1,
                Phase::Line => {
                    let window = &data[at..data.len().min(at + MAX_LINE)];
                    let Some(length) = memchr::memchr(b'\n', window) else {
                        if window.len() < MAX_LINE {
                            return Scan::Hold(at);
                        }
                        self.begin_opaque();
                        continue;
                    };
                    let end = at + length + 1;
                    self.begin_headers();
                    if let Some(mut line) = request_line::repaired(&window[..length]) {
                        line.extend_from_slice(b"\r\n");
                        return Scan::Replace(at, end, line);
                    }
                    at = end;
                }
                Phase::Headers => at += self.headers(&data[at..]),
                Phase::Body(left) => {
                    let here = u64::try_from(data.len() - at).unwrap_or(u64::MAX).min(left);
                    at += usize::try_from(here).unwrap_or(0);
                    self.phase = match left - here {
                        0 => Phase::Line,
                        more => Phase::Body(more),
                    };
                }
                Phase::Opaque => return Scan::Pass,
            }
        }
        Scan::Pass
    }

    fn begin_headers(&mut self) {
        self.phase = Phase::Headers;
        self.length = None;
        self.odd = false;
    }

    fn begin_opaque(&mut self) {
        self.phase = Phase::Opaque;
        self.heads += 1;
    }

    /// Reads the header lines at the start of `data` up to the end of the head, or what there is of
    /// them; says their length.
    fn headers(&mut self, data: &[u8]) -> usize {
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', data) {
            if self.partial.is_empty() {
                self.line(&data[from..end]);
            } else {
                self.keep(&data[from..end]);
                let line = mem::take(&mut self.partial);
                self.line(&line);
            }
            from = end + 1;
            if self.phase != Phase::Headers {
                return from;
            }
        }
        self.keep(&data[from..]);
        data.len()
    }

    /// Remembers a piece of a line whose end has not come.
    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_FIELD + 1 - self.partial.len();
        self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    #[inline]
    fn line(&mut self, line: &[u8]) {
        match line {
            [] | [b'\r'] => self.end_of_head(),
            [b'c' | b'C' | b't' | b'T', ..] => self.field(line),
            _ => {}
        }
    }

    fn field(&mut self, line: &[u8]) {
        let Some(colon) = memchr::memchr(b':', line) else {
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.odd = true;
        } else if line.len() > MAX_FIELD {
            // Where it was cut is chance, so the rest of the stream is left alone.
            self.odd |= name.eq_ignore_ascii_case(b"content-length");
        } else if name.eq_ignore_ascii_case(b"content-length") {
            match number(value) {
                Some(length) if self.length.is_none_or(|known| known == length) => {
                    self.length = Some(length);
                }
                _ => self.odd = true,
            }
        }
    }

    fn end_of_head(&mut self) {
        self.heads += 1;
        self.phase = match self.length {
            _ if self.odd => Phase::Opaque,
            None | Some(0) => Phase::Line,
            Some(length) => Phase::Body(length),
        };
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when the pieces go in one after the other.
    fn through(pieces: &[&[u8]]) -> (Vec<u8>, Framing) {
        let mut framing = Framing::new();
        let mut out = Vec::new();
        for piece in pieces {
            let passed = framing.accept(piece);
            out.extend_from_slice(&piece[..passed]);
            while framing.is_ready() {
                out.extend_from_slice(framing.deliver(7));
            }
        }
        (out, framing)
    }

    const STREAM: &[u8] = b"\r\nGET bin/my x.bin HTTP/1.0\r\nHost: a\r\ncontent-LENGTH:  0\r\n\r\n\
        POST a b HTTP/1.1\r\nContent-Length: 23\r\nX: y\r\n\r\nGET no change HTTP/1.0\r\n\
        GET /clean HTTP/1.1\nHost: b\n\n\
        GET  HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
        PUT x y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET no change HTTP/1.0\r\n\r\n";
    const EXPECTED: &[u8] =
        b"\r\nGET /bin/my%20x.bin HTTP/1.0\r\nHost: a\r\ncontent-LENGTH:  0\r\n\r\n\
        POST /a%20b HTTP/1.1\r\nContent-Length: 23\r\nX: y\r\n\r\nGET no change HTTP/1.0\r\n\
        GET /clean HTTP/1.1\nHost: b\n\n\
        GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
        PUT /x%20y HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nGET no change HTTP/1.0\r\n\r\n";

    #[test]
    fn every_request_of_a_stream_is_repaired_wherever_it_is_cut() {
        for first in 0..=STREAM.len() {
            for second in [first, first + 1, first + 2, first + 40] {
                let second = second.min(STREAM.len());
                let pieces = [&STREAM[..first], &STREAM[first..second], &STREAM[second..]];
                let (out, framing) = through(&pieces);
                assert_eq!(out.escape_ascii().to_string(), EXPECTED.escape_ascii().to_string());
                assert_eq!(framing.stage(), Stage::Body);
            }
        }
        let single: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(through(&single).0, EXPECTED);
    }

    #[test]
    fn a_length_behind_many_spaces_is_not_read_by_halves() {
        for spaces in 90..130 {
            let spaces = " ".repeat(spaces);
            let stream = format!(
                "POST /x HTTP/1.1\r\nContent-Length:{spaces}27\r\n\r\n1\r\nGET no change HTTP/1.0\r\n\r\n"
            );
            let whole = through(&[stream.as_bytes()]).0.escape_ascii().to_string();
            assert!(whole.contains("GET no change"), "{whole}");
            for at in 0..stream.len() {
                let (first, rest) = stream.as_bytes().split_at(at);
                let cut = through(&[first, rest]).0.escape_ascii().to_string();
                assert_eq!(cut, whole, "{} spaces, cut at {at}", spaces.len());
            }
        }
    }

    #[test]
    fn clean_requests_are_neither_copied_nor_held() {
        let stream = b"GET /update?dev=a HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut framing = Framing::new();
        assert_eq!(framing.accept(stream), stream.len());
        assert!(!framing.is_ready() && !framing.is_unfinished());
        assert_eq!((framing.stage(), framing.open()), (Stage::Idle(1), 0));
        assert_eq!(framing.accept(&stream[..30]), 30);
        assert_eq!(framing.stage(), Stage::Head(1));
    }

    #[test]
    fn an_open_body_is_known_until_its_last_byte() {
        let (_, mut framing) = through(&[b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na"]);
        assert_eq!((framing.stage(), framing.open()), (Stage::Body, 1));
        assert_eq!(framing.accept(b"b"), 1);
        assert!(framing.is_unfinished());
        assert_eq!(framing.accept(b"c"), 1);
        assert_eq!((framing.stage(), framing.open()), (Stage::Idle(1), 0));
    }

    #[test]
    fn what_cannot_be_followed_passes_untouched() {
        let long = [b"GET a ".as_slice(), &vec![b'x'; MAX_LINE], b" HTTP/1.0\r\n\r\n"].concat();
        let pieces: Vec<&[u8]> = long.chunks(1000).collect();
        assert_eq!(through(&pieces).0, long);
        assert_eq!(through(&[&long]).0, long);
        for length in ["5, 6", "-1", "+5", "5\r\nContent-Length: 6", "99999999999999999999", ""] {
            let stream =
                format!("GET a HTTP/1.1\r\nContent-Length: {length}\r\n\r\nGET b HTTP/1.0\r\n");
            let (out, framing) = through(&[stream.as_bytes()]);
            assert_eq!(out, stream.replacen("GET a", "GET /a", 1).into_bytes());
            assert_eq!(framing.open(), 1);
        }
    }

    #[test]
    fn the_end_of_the_stream_sets_an_incomplete_line_free() {
        let (out, mut framing) = through(&[b"GET x"]);
        assert!(out.is_empty());
        framing.end();
        assert!(framing.is_ready());
        assert_eq!(framing.deliver(100), b"GET x");
        assert!(!framing.is_ready());
    }
}
