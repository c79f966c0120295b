//! A device with a flash memory: it installs what it downloads as a real one would, and fails the
//! test where a real one would never start again (`protocol.md` §2.2, §2.3, §3.2).

use espalier::domain::chip::Chip;

use super::app::TestApp;
use super::device::FakeDevice;
use super::http::Answer;
use super::image;

/// Where the file system of an ESP8266 begins.
const SKETCHES_END: u64 = 0x10_0000;
/// The slot of an ESP32.
const SLOT: u64 = 0x14_0000;

/// What became of a request for an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// 304.
    NoUpdate,
    /// It was written, and the device started with it.
    Installed,
    /// The updater gave up, with this number.
    Refused(i32),
}

/// A device that really runs something.
#[derive(Debug, Clone)]
pub struct Board {
    chip: Chip,
    mac: String,
    program: Vec<u8>,
    files: Vec<u8>,
    /// How its flash memory is wired: the byte that its own boot loader has.
    flash_mode: u8,
    chip_size: u64,
    /// Where the room for sketches ends (ESP8266), or how long the slot is.
    room: u64,
    verifies: bool,
    /// Whether it says its version.
    speaks: bool,
    /// Whether an update takes effect.
    restarts: bool,
}

impl Board {
    /// An ESP8266 onto which a cable wrote this.
    pub fn esp8266(mac: &str, program: &[u8]) -> Self {
        let room = SKETCHES_END;
        Self { chip: Chip::Esp8266, room, ..Self::of(Chip::Esp32, mac, program) }
    }

    /// A device of the ESP32 family onto which a cable wrote this.
    pub fn of(chip: Chip, mac: &str, program: &[u8]) -> Self {
        Self {
            chip,
            mac: mac.to_owned(),
            program: program.to_vec(),
            files: Vec::new(),
            flash_mode: program[2],
            chip_size: 4 << 20,
            room: SLOT,
            verifies: false,
            speaks: true,
            restarts: true,
        }
    }

    /// Whose sketch says no version.
    pub fn silent(self) -> Self {
        Self { speaks: false, ..self }
    }

    /// Whose updater checks signatures.
    pub fn verifying(self) -> Self {
        Self { verifies: true, ..self }
    }

    /// With flash memory that is wired like this; a cable's tool wrote that into the header.
    pub fn wired(mut self, flash_mode: u8) -> Self {
        self.flash_mode = flash_mode;
        self.program[2] = flash_mode;
        self
    }

    /// With so much room for sketches.
    pub fn with_room(self, room: u64) -> Self {
        Self { room, ..self }
    }

    /// On which no update takes effect: it comes back with what it had.
    pub fn stuck(self) -> Self {
        Self { restarts: false, ..self }
    }

    /// What it runs.
    pub fn program(&self) -> &[u8] {
        &self.program
    }

    /// Its files.
    pub fn files(&self) -> &[u8] {
        &self.files
    }

    /// The version that its sketch reports: the string behind `?ver=`.
    pub fn version(&self) -> Option<String> {
        let at = memchr::memmem::find(&self.program, b"?ver=\0")?;
        let rest = self.program[at + 6..].split(|byte| *byte == 0).find(|text| !text.is_empty())?;
        Some(String::from_utf8(rest.to_vec()).expect("the test's own version"))
    }

    /// What it would say now.
    pub fn device(&self) -> FakeDevice {
        let used = sketch_len(&self.program).next_multiple_of(4096);
        let (free, device) = if self.chip == Chip::Esp8266 {
            (self.room - used, FakeDevice::esp8266(&self.mac))
        } else {
            let digest = appended(&self.program);
            (self.room, FakeDevice::esp32(&self.mac).with_sha256(&digest))
        };
        let len = sketch_len(&self.program);
        let counted = &self.program[..usize::try_from(len).unwrap()];
        let device = device.with_md5(&image::md5(counted)).with_sketch_size(len);
        let device = device.with_free_space(free).with_chip_size(self.chip_size);
        match self.version().filter(|_| self.speaks) {
            Some(version) => device.reporting(&version),
            None => device,
        }
    }

    /// Asks for its newest program and installs what comes.
    pub async fn updates(&mut self, app: &TestApp) -> Came {
        self.fetches(app, "/update").await
    }

    /// The same from another address.
    pub async fn fetches(&mut self, app: &TestApp, target: &str) -> Came {
        let answer = self.device().asks(app, target).await;
        let came = self.takes(&answer);
        if answer.status == 200 {
            // The next check-in must find the transfer ended.
            app.until_downloaded(&self.mac).await;
        }
        came
    }

    /// Asks for its files and installs what comes.
    pub async fn updates_files(&mut self, app: &TestApp) -> Came {
        let answer = self.device().in_mode("spiffs").asks(app, "/update").await;
        if answer.status == 304 {
            return Came::NoUpdate;
        }
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_ne!(answer.body.first(), Some(&0xE9), "a sketch where files belong");
        self.files.clone_from(&answer.body);
        app.until_downloaded(&self.mac).await;
        Came::Installed
    }

    /// What the updater makes of an answer.
    #[track_caller]
    pub fn takes(&mut self, answer: &Answer) -> Came {
        match answer.status {
            304 => {
                answer.is_not_modified();
                Came::NoUpdate
            }
            200 => {
                answer.is_firmware(&answer.body);
                match self.chip {
                    Chip::Esp8266 => self.takes_as_esp8266(&answer.body),
                    _ => self.takes_as_esp32(&answer.body),
                }
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }

    #[track_caller]
    fn takes_as_esp8266(&mut self, sent: &[u8]) -> Came {
        let len = sent.len() as u64;
        let used = sketch_len(&self.program).next_multiple_of(4096);
        if used + len.next_multiple_of(4096) > self.room {
            return Came::Refused(-100);
        }
        let packed = sent.starts_with(&[0x1F, 0x8B]);
        if !packed && sent[0] != 0xE9 || packed && !has_block(&self.program) {
            return Came::Refused(-106);
        }
        if !packed && flash_size(sent[3]) > self.chip_size {
            return Came::Refused(-107);
        }
        let payload = if self.verifies {
            let Some(payload) = without_signature(sent) else { return Came::Refused(12) };
            payload
        } else {
            sent
        };
        let written =
            if packed { self.eboot_unpacks(payload) } else { patched(payload, self.flash_mode) };
        assert_eq!(written.get(0x1000), Some(&0xE9), "bricked: no program for an ESP8266");
        assert_eq!(written[2], self.flash_mode, "bricked: the wrong flash mode");
        let counted = usize::try_from(sketch_len(&written)).unwrap();
        self.starts_with(&written[..counted])
    }

    /// eboot takes the length from the last four bytes, whatever they are.
    #[track_caller]
    fn eboot_unpacks(&self, staged: &[u8]) -> Vec<u8> {
        let (_, isize) = staged.split_at(staged.len() - 4);
        let announced = u64::from(u32::from_le_bytes(isize.try_into().unwrap()));
        let staged_at = self.room - (staged.len() as u64).next_multiple_of(4096);
        assert!(announced <= staged_at, "bricked: it unpacked over what it still had to read");
        let unpacked = miniz_oxide::inflate::decompress_to_vec(&staged[10..]).expect("unpacks");
        assert_eq!(unpacked.len() as u64, announced, "bricked: it believed the wrong length");
        unpacked
    }

    #[track_caller]
    fn takes_as_esp32(&mut self, sent: &[u8]) -> Came {
        if sent.len() as u64 > self.room {
            return Came::Refused(-100);
        }
        if sent[0] != 0xE9 {
            return Came::Refused(-106);
        }
        let for_chip = u16::from_le_bytes([sent[12], sent[13]]);
        if Some(for_chip) != self.chip.chip_id() {
            return Came::Refused(9);
        }
        let counted = usize::try_from(sketch_len(sent)).unwrap();
        self.starts_with(&sent[..counted])
    }

    fn starts_with(&mut self, program: &[u8]) -> Came {
        if self.restarts {
            self.program = program.to_vec();
        }
        Came::Installed
    }
}

fn word(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap()
}

/// How much of the flash memory the device counts as its program.
fn sketch_len(program: &[u8]) -> u64 {
    let esp8266 = program.get(0x1000) == Some(&0xE9) && program[8] != 0xEE;
    let (header, mut at) = if esp8266 { (0x1000, 0x1008) } else { (0, 24) };
    for _ in 0..program[header + 1] {
        at += 8 + word(program, at + 4);
    }
    let digest = if !esp8266 && program[23] == 1 { 32 } else { 0 };
    (((at + 16) & !15) + digest) as u64
}

/// The digest that an ESP32 reports: the one behind the image, or one of all of it.
fn appended(program: &[u8]) -> String {
    if program[23] == 1 {
        image::appended_sha256(program)
    } else {
        image::sha256(program).to_uppercase()
    }
}

/// Whether the core is 2.7.0 or newer.
fn has_block(program: &[u8]) -> bool {
    word(program, 0x1010) == program.len()
}

/// As the updater does with a plain image.
fn patched(image: &[u8], flash_mode: u8) -> Vec<u8> {
    let mut image = image.to_vec();
    image[2] = flash_mode;
    image
}

fn flash_size(byte: u8) -> u64 {
    match byte >> 4 {
        2 => 1 << 20,
        3 => 2 << 20,
        4 => 4 << 20,
        8 => 8 << 20,
        9 => 16 << 20,
        other => panic!("no size of flash memory: {other}"),
    }
}

/// What was signed, where the last word is the length of the key.
fn without_signature(sent: &[u8]) -> Option<&[u8]> {
    (word(sent, sent.len() - 4) == 256).then(|| &sent[..sent.len() - 260])
}
