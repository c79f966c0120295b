//! The catalog as AutoConnect reads it: one entry after the other, each within 256 bytes
//! (`protocol.md` §4.2).

use std::iter::Peekable;
use std::slice::Iter;

/// What `ArduinoJson` 6 may use for one entry.
const BUDGET: usize = 256;
/// What it uses for each member of an object or array.
const MEMBER: usize = 16;

/// An entry that AutoConnect shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub name: String,
    pub date: String,
    pub time: String,
    pub size: usize,
}

/// Every entry with its members as texts, in their order.
pub type Members = Vec<(String, String)>;

/// Reads a body; the error is what the device's page would say.
pub fn entries(body: &[u8]) -> Result<Vec<Members>, String> {
    let mut bytes = body.iter().peekable();
    bytes.by_ref().find(|byte| **byte == b'[').ok_or("no list")?;
    let mut entries = Vec::new();
    loop {
        let mut reader = Reader { bytes, used: 0 };
        entries.push(reader.value()?.0);
        bytes = reader.bytes;
        match bytes.by_ref().find(|byte| matches!(byte, b',' | b']')) {
            Some(b',') => {}
            Some(_) => return Ok(entries),
            None => return Err("IncompleteInput".to_owned()),
        }
    }
}

/// The entries that are shown: those of type `bin`.
pub fn shown(body: &[u8]) -> Result<Vec<Shown>, String> {
    let mut all = Vec::new();
    for members in entries(body)? {
        let member = |name: &str| {
            let found = members.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        if member("type").eq_ignore_ascii_case("bin") {
            let (name, date, time) = (member("name"), member("date"), member("time"));
            let size = member("size").parse().map_err(|_| "no size")?;
            all.push(Shown { name, date, time, size });
        }
    }
    Ok(all)
}

/// The names that are shown.
pub fn names(body: &[u8]) -> Vec<String> {
    shown(body).expect("a readable list").into_iter().map(|entry| entry.name).collect()
}

/// The type of an entry, whether it is shown or not.
pub fn kind(body: &[u8], name: &str) -> Option<String> {
    let entries = entries(body).expect("a readable list");
    let value = |members: &Members, key: &str| {
        members.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    };
    let entry = entries.iter().find(|entry| value(entry, "name").as_deref() == Some(name));
    entry.and_then(|entry| value(entry, "type"))
}

struct Reader<'a> {
    bytes: Peekable<Iter<'a, u8>>,
    used: usize,
}

impl Reader<'_> {
    fn uses(&mut self, bytes: usize) -> Result<(), String> {
        self.used += bytes;
        if self.used > BUDGET { Err("NoMemory".to_owned()) } else { Ok(()) }
    }

    fn space(&mut self) -> Option<u8> {
        while self.bytes.next_if(|byte| byte.is_ascii_whitespace()).is_some() {}
        self.bytes.peek().map(|byte| **byte)
    }

    fn expect(&mut self, wanted: u8) -> Result<(), String> {
        let found = self.space();
        self.bytes.next();
        if found == Some(wanted) { Ok(()) } else { Err("InvalidInput".to_owned()) }
    }

    /// A value: its members if it is an object, and its text if it is none.
    fn value(&mut self) -> Result<(Members, String), String> {
        match self.space() {
            Some(b'{') => Ok((self.object()?, String::new())),
            Some(b'"') => Ok((Vec::new(), self.string()?)),
            Some(b'-' | b'0'..=b'9' | b'a'..=b'z') => {
                let mut word = String::new();
                while let Some(byte) =
                    self.bytes.next_if(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
                {
                    word.push(char::from(*byte));
                }
                Ok((Vec::new(), word))
            }
            _ => Err("InvalidInput".to_owned()),
        }
    }

    fn object(&mut self) -> Result<Members, String> {
        self.expect(b'{')?;
        let mut members = Vec::new();
        if self.space() == Some(b'}') {
            self.bytes.next();
            return Ok(members);
        }
        loop {
            self.space();
            let key = self.string()?;
            self.expect(b':')?;
            self.uses(MEMBER)?;
            members.push((key, self.value()?.1));
            if self.space() != Some(b',') {
                self.expect(b'}')?;
                return Ok(members);
            }
            self.expect(b',')?;
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect(b'"')?;
        let mut text = Vec::new();
        loop {
            match self.bytes.next() {
                Some(b'"') => break,
                // ArduinoJson 6.15 gives up, 5 shows the digits.
                Some(b'\\') if self.bytes.peek() == Some(&&b'u') => {
                    return Err("NotSupported".to_owned());
                }
                Some(b'\\') => text.extend(self.bytes.next()),
                Some(byte) => text.push(*byte),
                None => return Err("IncompleteInput".to_owned()),
            }
        }
        self.uses(text.len() + 1)?;
        String::from_utf8(text).map_err(|_| "InvalidInput".to_owned())
    }
}

#[test]
fn the_parser_is_as_strict_as_the_real_one() {
    let entry = |name: &str| {
        format!(
            r#"{{"name": "{name}", "type": "bin", "date": "11/14/23", "time": "22:13:20", "size": 1048576}}"#
        )
    };
    let list = |name: &str| format!("[{}, {}]", entry("x.bin"), entry(name));
    assert_eq!(shown(b"[]"), Err("InvalidInput".to_owned()));
    assert_eq!(shown(b"[ ]"), Err("InvalidInput".to_owned()));
    assert_eq!(shown(b"[{}]"), Ok(Vec::new()));
    assert_eq!(shown(list(&"x".repeat(128)).as_bytes()).unwrap().len(), 2);
    assert_eq!(shown(list(&"x".repeat(129)).as_bytes()), Err("NoMemory".to_owned()));
    assert_eq!(shown(list("gr\\u00fcn.bin").as_bytes()), Err("NotSupported".to_owned()));
    assert_eq!(names(list("a[,]b.bin").as_bytes()), ["x.bin", "a[,]b.bin"]);
}
