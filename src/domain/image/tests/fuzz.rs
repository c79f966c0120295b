//! Mutations of all kinds of files: whatever comes, the reader answers, and soon.

use super::build::{Esp32, esp8266, image, noise, strings};
use super::*;

/// A cheap generator of numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }

    fn byte(&mut self) -> u8 {
        const LIKED: &[u8] = b"\0\x01\xE9\xFFv.0123456789/\\-+(Mm=\"\x1F\xAA\x50";
        if self.roll(2) == 0 {
            LIKED[self.roll(LIKED.len())]
        } else {
            u8::try_from(self.roll(256)).unwrap()
        }
    }
}

/// Small files of every kind, so that mutations hit what matters.
fn corpus() -> Vec<Vec<u8>> {
    let texts = strings(&["Marshall", "v1.0.1", "a/b@1.2.3/c", "M10.5.0", "10.0.0.1", "x v1.2"]);
    let mut data = texts.clone();
    data.extend(b"ESPALIER\x1FMarshall\x1Fv1.0.1\x1FREILAPSE\0blnkinf\0mcu\x001.2.3\0\0");
    data.extend(
        b"\xBF\x84\xE4\x13\x54lamp\x93\x44\x6B\xA7\x75\x6A\x3F\x3E\x0E\xE11.0\xB0\x30\x48\xD4\x1A",
    );
    let app = Esp32::idf("chase", "v1.2.3", &data).build();
    let mut merged = image(vec![0xE9, 1, 0, 0, 0, 0, 0, 0], &[(0x4010_F000, &noise(64))]);
    merged.resize(0x8000, 0xFF);
    merged.extend([0xAA, 0x50, 0, 0x10, 0, 0x90, 0, 0, 0, 0x50, 0, 0]);
    merged.resize(0x8020, 0);
    merged.extend([0xEB; 32]);
    merged.resize(0x9000, 0xFF);
    merged.extend(&app);
    let mut packed = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    packed.extend(miniz_oxide::deflate::compress_to_vec(&app, 6));
    packed.extend([0; 8]);
    let mut littlefs = vec![0xFF; 0x2000];
    littlefs[8..16].copy_from_slice(b"littlefs");
    // All other kinds, so that every reader is reached.
    let others = formats::all().into_iter().map(|(_, file, ..)| file);
    let others = others.filter(|file| file.len() < 0x8000);
    let stub = [&[0xE9, 1, 2, 0x40][..], &[0xFF; 28], &texts].concat();
    let own = [stub, texts, app, Esp32::arduino(&data).build(), esp8266(&data), merged, packed];
    own.into_iter().chain([littlefs]).chain(others).collect()
}

/// One mutation.
fn mutate(file: &mut Vec<u8>, dice: &mut Dice) {
    // Headers are hit more often than the rest.
    let reach = if dice.roll(2) == 0 { 0x120 } else { file.len() };
    let at = dice.roll(reach.min(file.len()));
    match dice.roll(8) {
        0 => file.truncate(at),
        1 => {
            let bytes: Vec<u8> = (0..dice.roll(24)).map(|_| dice.byte()).collect();
            file.splice(at..at, bytes);
        }
        2 => {
            let end = (at + dice.roll(64)).min(file.len());
            file.drain(at..end);
        }
        3 => {
            let word = [dice.byte(), dice.byte(), dice.byte(), dice.byte()];
            for (byte, new) in file.iter_mut().skip(at & !3).zip(word) {
                *byte = new;
            }
        }
        4 => {
            let end = (at + dice.roll(96)).min(file.len());
            let piece = file[at..end].to_vec();
            let to = dice.roll(file.len());
            file.splice(to..to, piece);
        }
        _ => {
            let new = dice.byte();
            if let Some(byte) = file.get_mut(at) {
                *byte = new;
            }
        }
    }
}

fn run(inputs: usize, seed: u64) {
    let known = KnownNames::new(["Marshall", "chase", "a+b", "light", "v1", "1.2"]);
    let corpus = corpus();
    let mut dice = Dice(seed);
    for _ in 0..inputs {
        // Long files are slow to copy and seldom more telling.
        let nth = if dice.roll(4) == 0 { dice.roll(corpus.len()) } else { dice.roll(2) };
        let mut file = corpus[nth].clone();
        for _ in 0..=dice.roll(6) {
            mutate(&mut file, &mut dice);
        }
        let contents = examine(&file, &known, 1 << 20);
        if let Some(info) = contents.application() {
            assert!(info.versions.len() <= ImageInfo::VERSIONS_SHOWN);
            let _ = (info.platform(), info.version(Some("chase"), Some("x-1.2.3.bin")));
            let _ = (info.proposed_names(Some("x-1.2.3.bin")), digests(&file, info, None));
        }
        let _ = contents.verdict();
    }
}

#[test]
fn ten_thousand_mutations_are_read() {
    run(10_000, 0x9E37_79B9_7F4A_7C15);
}

#[test]
#[ignore = "a million inputs take minutes: cargo test --release million -- --ignored"]
fn a_million_mutations_are_read() {
    let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok());
    run(1_000_000, seed.unwrap_or(0x1234_5678_9ABC_DEF1));
}

#[test]
fn the_worst_texts_end() {
    // Anything but linear work on a quarter of a megabyte would be noticed by whoever waits for it.
    let known = KnownNames::new(["a", "aa", "aaa", "1.1", "v1", "test"]);
    let texts: [&[u8]; 14] = [
        b"1.1.",
        b"v1.2.3 ",
        b"a",
        b"test v1 ",
        b"1.2-",
        b"1.2.3-1-1-1",
        b"ESPALIER\x1F",
        b"\x1F",
        b"?dev=a&dev=",
        b"1.2\0",
        b"test\0v1.2.3\0",
        b"<<version >%s%s\x001.2.3\0",
        b"test v1.2.3 function(){ 4.5.6",
        b"zmux a\x003.2.1\0zmux b\0",
    ];
    for text in texts {
        let file: Vec<u8> =
            b"\xE9".iter().chain(text.iter().cycle()).take(1 << 18).copied().collect();
        let _ = inspect(&file, &known);
    }
}
