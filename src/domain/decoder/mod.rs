//! What a serial line means: the numbers and words of updaters and boot loaders, explained.
//!
//! A person pastes a line or a whole boot log; [`decode`] answers what is known about it, in the
//! order of the lines, each with its likely cause and what to do. The facts are those of the
//! clients' sources, as `protocol.md` cites them: `ESP8266httpUpdate.{h,cpp}` and `Updater.{h,cpp}`
//! of the ESP8266 core, `HTTPUpdate.cpp`, `Update.h` and `Updater.cpp` of arduino-esp32,
//! `ESP8266HTTPClient.h`, the documentation of the ESP8266 core on boot messages and exceptions,
//! ESP-IDF's `bootloader_utility.c` and `esp_image_format.c`, and `AutoConnectUpdate.cpp`.

mod boot;
mod client;
mod sign;
mod updater;

use sign::{Sign, is_there};

/// Characters of a paste that are looked at.
const LONGEST: usize = 64 << 10;
/// Findings that are listed.
const MOST: usize = 100;
/// Characters of a line that are shown.
const SHOWN: usize = 160;

/// How a finding is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth knowing.
    Info,
    /// It wants attention.
    Warn,
    /// Something is wrong.
    Bad,
}

impl Tone {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Bad => "problem",
        }
    }
}

/// Where in the program to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The devices that wait.
    Inbox,
    /// The lines that a sketch needs.
    Connect,
    /// The devices, each with the reasons for its last answer.
    Devices,
    /// The platforms.
    Platforms,
    /// The releases.
    Releases,
    /// The event log.
    Events,
}

impl Place {
    /// Its path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Inbox => "/inbox",
            Self::Connect => "/connect",
            Self::Devices => "/devices",
            Self::Platforms => "/platforms",
            Self::Releases => "/releases",
            Self::Events => "/events",
        }
    }

    /// What a link to it says.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Inbox => "Inbox",
            Self::Connect => "Connect a device",
            Self::Devices => "Devices",
            Self::Platforms => "Platforms",
            Self::Releases => "Releases",
            Self::Events => "Event log",
        }
    }
}

/// Something that a serial log can say.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its stable code.
    pub code: &'static str,
    /// How it is meant.
    pub tone: Tone,
    /// What it means.
    pub meaning: &'static str,
    /// The likely cause.
    pub cause: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// Where in the program to go on.
    pub place: Option<Place>,
    /// How a line is recognised: any of these.
    signs: &'static [Sign],
}

/// A line, or several of the same kind, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The first line that says so.
    pub line: String,
    /// How many lines say so.
    pub times: u32,
    /// What it is.
    pub entry: &'static Entry,
}

/// What is known about a paste.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decoded {
    /// What was found, in the order of the lines.
    pub findings: Vec<Finding>,
    /// Lines about which nothing is known, empty ones aside.
    pub unknown: u32,
    /// The first of them.
    pub first_unknown: Option<String>,
    /// Whether the paste was too long and only its beginning was looked at.
    pub cut: bool,
}

/// The tables, in the order in which a line is held against them.
const TABLES: [&[Entry]; 4] = [client::TABLE, client::HTTP, updater::TABLE, boot::TABLE];

/// All that can be found.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    TABLES.into_iter().flatten()
}

/// What is known about a pasted line or log.
#[must_use]
pub fn decode(text: &str) -> Decoded {
    let end = text.floor_char_boundary(LONGEST);
    let mut decoded = Decoded { cut: end < text.len(), ..Decoded::default() };
    for line in text[..end].lines().map(str::trim).filter(|line| !line.is_empty()) {
        let low = line.to_ascii_lowercase();
        let mut known = false;
        for entry in entries().filter(|entry| entry.signs.iter().any(|sign| is_there(sign, &low))) {
            known = true;
            decoded.add(line, entry);
        }
        if !known {
            decoded.unknown += 1;
            decoded.first_unknown.get_or_insert_with(|| shown(line));
        }
    }
    decoded
}

impl Decoded {
    fn add(&mut self, line: &str, entry: &'static Entry) {
        let known = self.findings.iter().position(|finding| finding.entry.code == entry.code);
        match known {
            Some(index) => self.findings[index].times += 1,
            None if self.findings.len() < MOST => {
                self.findings.push(Finding { line: shown(line), times: 1, entry });
            }
            None => self.cut = true,
        }
    }
}

/// A line as it is shown: not endlessly long, without control characters.
fn shown(line: &str) -> String {
    let mut text: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if line.chars().count() > SHOWN {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        decode(text).findings.iter().map(|finding| finding.entry.code).collect()
    }

    /// Lines as sketches and boot loaders print them, with the codes of what is found.
    const REAL: &[(&str, &[&str])] = &[
        // ESP8266httpUpdate and its examples.
        ("HTTP_UPDATE_FAILD Error (-104): Wrong HTTP Code", &["wrong_http_code"]),
        ("HTTP_UPDATE_FAILD Error (-104): Wrong HTTP code", &["wrong_http_code"]),
        ("[update] Update failed. -104", &["wrong_http_code"]),
        ("-104", &["wrong_http_code"]),
        ("HTTP_UPDATE_FAILED Error (-100): Not Enough space", &["too_little_space"]),
        ("HTTP_UPDATE_FAILD Error (-100): To less space", &["too_little_space"]),
        ("Error (-101): Server Did Not Report Size", &["no_length"]),
        ("Error (-102): File Not Found (404)", &["not_found"]),
        ("Error (-103): Forbidden (403)", &["forbidden"]),
        ("Error (-105): Wrong MD5", &["md5_unreadable"]),
        ("Error (-106): Verify Bin Header Failed", &["no_image"]),
        ("Error (-107): New Binary Does Not Fit Flash Size", &["flash_size"]),
        ("Error (-108): Unauthorized (401)", &["unauthorized_or_no_partition"]),
        (
            "Error (-108): Partition Could Not be Found",
            &["unauthorized_or_no_partition", "no_partition"],
        ),
        ("Error (-109)", &["version_or_sha256"]),
        ("HTTP_UPDATE_NO_UPDATES", &["no_updates"]),
        ("[HTTP] update ok: HTTP_UPDATE_OK", &["update_ok"]),
        // HTTPClient.
        ("HTTP_UPDATE_FAILD Error (-1): HTTP error: connection refused", &["connection_failed"]),
        ("Error (-1): HTTP error: connection failed", &["connection_failed"]),
        ("[HTTP] GET... failed, error: -11", &["read_timeout"]),
        ("Error (-11): HTTP error: read Timeout", &["read_timeout"]),
        ("Error (-5): HTTP error: connection lost", &["connection_lost"]),
        ("Error (-7): HTTP error: no HTTP server", &["no_http_server"]),
        ("Error (-8): HTTP error: not enough ram", &["too_little_ram"]),
        ("Error (-9): HTTP error: Transfer-Encoding not supported", &["encoding"]),
        ("[httpUpdate] HTTP Code is (400)", &["http_400"]),
        ("[E][HTTPUpdate.cpp:326] handleUpdate(): HTTP Code is (500)", &["http_500"]),
        ("Error: Device not whitelisted.", &["not_whitelisted"]),
        ("Error: Unknown platform.", &["unknown_platform"]),
        ("Error: Invalid parameters.", &["invalid_parameters"]),
        ("Error: Create platforms before updating.", &["no_platforms"]),
        // Update.printError.
        ("Update error: ERROR[4]: Not Enough Space", &["updater_space"]),
        ("ERROR[7]: MD5 Failed: expected:0123, calculated:4567", &["updater_md5"]),
        ("ERROR[7]: MD5 verification failed: expected: 01, calculated: 02", &["updater_md5"]),
        ("ERROR[7]: MD5 Check Failed", &["updater_md5"]),
        ("ERROR[8]: Flash config wrong real: 1048576 IDE: 4194304", &["flash_config"]),
        ("ERROR[9]: new Flash config wrong, real size: 1048576", &["new_flash_config"]),
        ("ERROR[10]: Magic byte is wrong, not 0xE9", &["magic_byte"]),
        ("ERROR[10]: Magic byte is not 0xE9", &["magic_byte"]),
        ("ERROR[8]: Wrong Magic Byte", &["magic_byte"]),
        ("ERROR[9]: Could Not Activate The Firmware", &["not_activated"]),
        ("ERROR[11]: Invalid bootstrapping state, reset ESP8266 before updating", &["bootstrap"]),
        ("ERROR[12]: Signature verification failed", &["signature"]),
        ("ERROR[12]: Aborted", &["aborted"]),
        ("ERROR[6]: Stream Read Timeout", &["updater_stream"]),
        ("ERROR[2]: Flash Erase Failed", &["updater_flash"]),
        ("ERROR[13]: Decryption error", &["decrypt"]),
        ("ERROR[8]", &["updater_8"]),
        ("Update failed, error 9", &[]),
        // Boot messages.
        ("ets Jan  8 2013,rst cause:2, boot mode:(1,7)", &["esp8266_serial_boot"]),
        ("ets Jan  8 2013,rst cause:1, boot mode:(3,6)", &["esp8266_normal_start"]),
        ("ets Jan  8 2013,rst cause:2, boot mode:(3,6)", &["esp8266_normal_start"]),
        ("ets Jan  8 2013,rst cause:4, boot mode:(3,6)", &["esp8266_watchdog"]),
        (
            "ets Jan  8 2013,rst cause:4, boot mode:(1,6)",
            &["esp8266_watchdog", "esp8266_serial_boot"],
        ),
        ("ets Jan  8 2013,rst cause:2, boot mode:(7,7)", &["esp8266_wrong_pins"]),
        ("@cp:0", &["eboot_copied"]),
        ("@cp:5", &["eboot_failed"]),
        ("~ld", &["eboot_started"]),
        ("Exception (28):", &["exception_28"]),
        ("Fatal exception 28(LoadProhibitedCause):", &["exception_28"]),
        ("Exception (9):", &["exception_9"]),
        ("Exception (3):", &["exception"]),
        ("Soft WDT reset", &["soft_watchdog"]),
        ("Unhandled C++ exception: OOM", &["out_of_memory"]),
        ("rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", &["esp32_normal_start"]),
        ("rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", &["esp32_restart"]),
        ("rst:0x8 (TG1WDT_SYS_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", &["esp32_watchdog"]),
        (
            "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
            &["esp32_normal_start", "esp32_serial_boot"],
        ),
        ("Brownout detector was triggered", &["brownout"]),
        ("invalid header: 0xffffffff", &["esp32_nothing_there"]),
        ("E (526) boot: No bootable app partitions in the partition table", &["no_bootable_app"]),
        ("E (113) esp_image: image at 0x20000 has invalid magic byte", &["esp32_bad_image"]),
        ("E (346) esp_image: Checksum failed. Calculated 0x63 read 0x66", &["esp32_bad_image"]),
        (
            "E (515) esp_image: Image length 1065616 doesn't fit in partition length 1048576",
            &["esp32_image_too_long"],
        ),
        ("E (120) boot_comm: mismatch chip ID, expected 0, found 5", &["esp32_other_chip"]),
        (
            "Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.",
            &["guru_meditation"],
        ),
        // AutoConnect.
        ("Update server responds (403):", &["autoconnect_answer", "http_403"]),
        ("http failed connect to 192.168.1.10:8000", &["connection_failed"]),
        ("Invalid catalog list:NoMemory", &["autoconnect_catalog"]),
    ];

    #[test]
    fn real_lines() {
        let mut wrong = Vec::new();
        for (line, expected) in REAL {
            if codes(line) != *expected {
                wrong.push(format!("{line}: {:?}, not {expected:?}", codes(line)));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_is_no_error_is_not_taken_for_one() {
        for line in [
            "connecting to WiFi ....",
            "temperature: -11 C, humidity 40",
            "2026-11-20 12:00:01 started",
            "heap 400 stack 304",
            "rssi -104 dBm",
            "loop -1",
            "MQTT connection failed, rc=2, try again in 5 seconds",
            "firmware (download 50%)",
            "update in -5 s",
        ] {
            assert_eq!(codes(line), [""; 0], "{line}");
        }
        let decoded = decode("hello\n\n  world\n");
        assert_eq!((decoded.unknown, decoded.first_unknown.as_deref()), (2, Some("hello")));
    }

    #[test]
    fn a_whole_log_is_told_in_its_order() {
        let log = " ets Jan  8 2013,rst cause:4, boot mode:(3,6)\r\nwdt reset\r\nload 0x4010f000\r\n\
                   WiFi connected\r\n[httpUpdate] HTTP Code is (400)\r\n\
                   Error (-104): Wrong HTTP Code\r\nError (-104): Wrong HTTP Code\r\n";
        let decoded = decode(log);
        assert_eq!(codes(log), ["esp8266_watchdog", "http_400", "wrong_http_code"]);
        assert_eq!(decoded.findings[2].times, 2);
        assert_eq!(decoded.findings[0].times, 2, "the line after it says the same");
        assert!(decoded.unknown >= 1);
    }

    #[test]
    fn nothing_breaks_it() {
        let long = "ü-104 ERROR[99999999999] rst cause:99999999999, boot mode:(,".repeat(20_000);
        let decoded = decode(&long);
        assert!(decoded.cut && decoded.findings.len() <= MOST);
        for text in [
            "rst cause:",
            "rst cause:2, boot mode:(",
            "error[",
            "error[]",
            "exception (",
            "-",
            "--1",
            "rst:0x",
            "\u{0}\u{7f}",
        ] {
            assert!(decode(text).findings.len() <= 1, "{text}");
        }
    }

    #[test]
    fn every_entry_is_whole_and_has_a_code_of_its_own() {
        let mut seen = HashSet::new();
        for entry in entries() {
            assert!(seen.insert(entry.code), "{}", entry.code);
            for text in [entry.meaning, entry.cause, entry.remedy] {
                assert!(text.ends_with('.'), "{}: {text}", entry.code);
            }
            assert!(!entry.signs.is_empty(), "{}", entry.code);
            for sign in entry.signs {
                let (Sign::Text(text) | Sign::Whole(text)) = sign else { continue };
                assert_eq!(*text, text.to_ascii_lowercase(), "{}", entry.code);
            }
        }
    }
}
