//! File, naive first match, ours, truth: the texts of firmware as they lie in real files.
//!
//! The pools are modelled on the sources of well-known programs and on what their images were
//! seen to hold; the bytes around them are made.

use super::build::{Esp32, esp8266, noise, strings};
use super::*;

/// What every sketch for the ESP32 brings along.
const ESP32_CORE: &[&str] = &[
    "E (%lu) %s: wifi_init failed",
    "/home/runner/work/esp32-arduino-lib-builder/esp-idf/components/freertos/port.c",
    "v4.4.7-dirty",
    "esp-idf: v4.4.7 38eeba213a",
    "coex firmware version: %s",
    "2.0.0",
    "[%u] Incorrect coexistence status",
    "chip revision: v%d.%d",
    "TLSv1.2",
    "HTTP/1.1",
    "mbed TLS 2.28.7",
    "ESP32 HTTP Client/1.0",
    "pool.ntp.org",
    "255.255.255.255",
    "192.168.4.1",
    "C:\\Users\\me\\Arduino15\\packages\\esp32\\hardware\\esp32\\2.0.17\\cores\\esp32\\main.cpp",
    "Invalid chip revision v3.1",
    "SmartConfig",
    "V3.0.1",
    "sc_init_sniffer_glob",
];

/// What every sketch for the ESP8266 brings along.
const ESP8266_CORE: &[&str] = &[
    "2.2.2-dev(38a443e)",
    "SDK:",
    "/Core:2.7.4-67-g3acd1b7=",
    "/lwIP:",
    "STABLE-2_1_2_RELEASE/glue:1.2-30-g92add50",
    "/BearSSL:5c771be",
    "0.0.0.0",
    "10.0.0.1",
    "255.255.255.0",
    "8.8.8.8",
    "HTTP/1.1 200 OK",
    "ESP8266HTTPClient",
    "scandone",
];

const TIME_ZONES: &[&str] = &[
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "<+0330>-3:30",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
];

const HUE: &[&str] = &[
    "HTTP/1.1 200 OK\r\nEXT:\r\nLOCATION: http://%s:80/description.xml\r\nSERVER: FreeRTOS/6.0.5, UPnP/1.0, IpBridge/1.17.0\r\nhue-bridgeid: %s\r\n",
    "{\"name\":\"hue\",\"datastoreversion\":\"103\",\"swversion\":\"1935074050\",\"apiversion\":\"1.17.0\",\"mac\":\"%s\"}",
];

const WEB: &[&str] = &[
    "/*! jQuery v3.4.1 | (c) JS Foundation and other contributors | jquery.org/license */",
    "<script src=\"https://cdn.jsdelivr.net/npm/chart.js@2.9.4/dist/Chart.min.js\"></script>",
    "<link rel=\"stylesheet\" href=\"/bootstrap-4.3.1.min.css\">",
    "<path d=\"M19 3H5c-1.1.9-2 2-2 2v14c0 1.1.9 2 2 2h14c1.1 0 2-.9 2-2V5c0-1.1-.9-2-2-2z\"/>",
    "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/96.0.4664.45 Safari/537.36",
];

/// One firmware.
struct Case {
    name: &'static str,
    /// 8266, or 32 for the family.
    family: u16,
    texts: &'static [&'static [&'static str]],
    platform: &'static str,
    /// Ours; a question mark says that the person is asked, best proposal first.
    ours: &'static str,
    truth: &'static str,
}

const CASES: &[Case] = &[
    Case {
        name: "original's sketch",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &[
                "http://192.168.0.2:5000/update",
                "?ver=",
                "v1.0.1",
                "&dev=",
                "Chase",
                "SUOTA: Checking",
            ],
        ],
        platform: "Chase",
        ours: "v1.0.1",
        truth: "v1.0.1",
    },
    Case {
        name: "original's sketch",
        family: 32,
        texts: &[ESP32_CORE, &["?ver=", "v1.0.1", "&dev=", "Marshall"]],
        platform: "Marshall",
        ours: "v1.0.1",
        truth: "v1.0.1",
    },
    Case {
        name: "one string",
        family: 8266,
        texts: &[ESP8266_CORE, &["http://host:8000/update?dev=a+b&ver=v1.4"]],
        platform: "a+b",
        ours: "v1.4",
        truth: "1.4",
    },
    Case {
        name: "WLED",
        family: 32,
        texts: &[
            ESP32_CORE,
            HUE,
            TIME_ZONES,
            WEB,
            &["WLED-AP", "wled1234", "0.15.0", "WLED", "Kōsen", "WLED v"],
        ],
        platform: "WLED",
        ours: "0.15.0",
        truth: "0.15.0",
    },
    Case {
        name: "EMS-ESP",
        family: 32,
        texts: &[
            ESP32_CORE,
            TIME_ZONES,
            &["EMS-ESP", "3.7.0-dev.12", "%s system", "version", "arduino"],
        ],
        platform: "ems-esp",
        ours: "3.7.0-dev.12",
        truth: "3.7.0-dev.12",
    },
    Case {
        name: "Marauder",
        family: 32,
        texts: &[ESP32_CORE, WEB, &["ESP32 Marauder", "v0.13.9", "By JustCallMeKoko"]],
        platform: "Marauder",
        ours: "v0.13.9",
        truth: "v0.13.9",
    },
    Case {
        name: "Marauder far",
        family: 32,
        texts: &[
            ESP32_CORE,
            &["JustCallMeKoko"; 40],
            &["v0.13.9"],
            &["x12345678901234567890"; 80],
            &["ESP32 Marauder"],
        ],
        platform: "Marauder",
        ours: "v0.13.9",
        truth: "v0.13.9",
    },
    Case {
        name: "WiFiManager",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &["*wm:", "v2.0.17", "wifi", "wifinoscan", "info", "param", "<!DOCTYPE html>"],
            &["xxxxxxxxxxxx"; 30],
            &["Firmware version: ", "v1.2.0", "thermo-7"],
        ],
        platform: "thermo-7",
        ours: "v1.2.0",
        truth: "v1.2.0",
    },
    Case {
        name: "ESPHome",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &["[%s] App built", "ESPHome version 2024.6.1 compiled on %s", "esphome.web", "1.0"],
        ],
        platform: "ESPHome",
        ours: "2024.6.1",
        truth: "2024.6.1",
    },
    Case {
        name: "MicroPython",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &[
                "3.4.0; MicroPython v1.22.2 on 2024-02-22",
                "MicroPython v1.22.2 on 2024-02-22; %s with ESP8266",
            ],
        ],
        platform: "MicroPython",
        ours: "v1.22.2",
        truth: "v1.22.2",
    },
    Case {
        name: "esp-at",
        family: 32,
        texts: &[ESP32_CORE, &["AT version:2.4.0.0(s-4c6eb5e - ESP32 - Jun  3 2022)", "esp-at"]],
        platform: "esp-at",
        ours: "? 2.4.0.0",
        truth: "2.4.0.0",
    },
    Case {
        name: "git describe",
        family: 8266,
        texts: &[ESP8266_CORE, &["OpenGarden", "2.75-12-gbb361850", "build"]],
        platform: "OpenGarden",
        ours: "2.75-12-gbb361850",
        truth: "2.75-12-gbb361850",
    },
    Case {
        name: "user agent",
        family: 8266,
        texts: &[ESP8266_CORE, &["meter-reader/0.9.4", "POST /api HTTP/1.1"]],
        platform: "meter-reader",
        ours: "0.9.4",
        truth: "0.9.4",
    },
    Case {
        name: "Tasmota",
        family: 32,
        texts: &[ESP32_CORE, TIME_ZONES, HUE, &["Tasmota", "%s(%s)", "tasmota"]],
        platform: "tasmota",
        ours: "nothing",
        truth: "15.5.0",
    },
    Case {
        name: "no version",
        family: 8266,
        texts: &[ESP8266_CORE, WEB, &["lamp-7"]],
        platform: "lamp-7",
        ours: "nothing",
        truth: "v1.0.0",
    },
    Case {
        name: "two of its own",
        family: 8266,
        texts: &[ESP8266_CORE, &["door-7", "v1.0.1", "xxxxxxxxxxxxxxx", "v1.1.0", "door-7"]],
        platform: "door-7",
        ours: "? v1.0.1 v1.1.0",
        truth: "v1.1.0",
    },
    Case {
        name: "common name",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &["self test failed", "test"],
            &["xxxxxxxxxxxxxxxxxxxxxxxxxxx"; 90],
            &["v3.1.0"],
        ],
        platform: "test",
        ours: "v3.1.0",
        truth: "v3.1.0",
    },
    Case {
        name: "label of its own",
        family: 8266,
        texts: &[
            ESP8266_CORE,
            &["Firmware version %s (%s)\n", "4.2.0.0"],
            &["xxxxxxxxxxxxxxxxxxx"; 90],
            &["ESPEasy"],
        ],
        platform: "ESPEasy",
        ours: "? 4.2.0.0",
        truth: "4.2.0.0",
    },
    Case {
        name: "hardware beside",
        family: 8266,
        texts: &[ESP8266_CORE, &["Board: T-Beam V1.1", "rover", "0.4.2", "hw v2.0.1"]],
        platform: "rover",
        ours: "0.4.2",
        truth: "0.4.2",
    },
    Case {
        name: "demands",
        family: 8266,
        texts: &[ESP8266_CORE, &["lamp-7", "needs lamp-7 v0.9.0 or later", "lamp-7 v1.2.3"]],
        platform: "lamp-7",
        ours: "v1.2.3",
        truth: "v1.2.3",
    },
    Case {
        name: "library beside",
        family: 32,
        texts: &[
            ESP32_CORE,
            &["RadioLib Info\nVersion:  \"7.1.2.0\"\nPlatform: \"ESP32\"", "v2.3.2", "mesh-node"],
        ],
        platform: "mesh-node",
        ours: "? v2.3.2",
        truth: "v2.3.2",
    },
];

fn build(case: &Case) -> Vec<u8> {
    let data =
        [noise(700), vec![0; 4], strings(&case.texts.concat()), vec![0; 4], noise(700)].concat();
    if case.family == 8266 { esp8266(&data) } else { Esp32::arduino(&data).build() }
}

/// The original server's rule: the first `v1.2.3`.
fn naive(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut starts = text.match_indices('v').map(|(at, _)| &text[at + 1..]);
    starts.find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let parts: Vec<_> = rest[..end].split('.').take(3).collect();
        let sound = parts.len() == 3 && parts.iter().all(|part| !part.is_empty());
        sound.then(|| format!("v{}", parts.join(".")))
    })
}

#[test]
fn ours_is_the_truth_or_a_question() {
    let mut naively_right = 0;
    let mut wrong = Vec::new();
    for case in CASES {
        let bytes = build(case);
        let known = KnownNames::new([case.platform, "light", "another-one"]);
        let info = inspect(&bytes, &known).unwrap();
        let found = show(&info.version(Some(case.platform), None), |v| v.text.clone());
        let naive = naive(&bytes).unwrap_or_default();
        if found != case.ours {
            let Case { name, ours, truth, .. } = case;
            wrong.push(format!("{name}: {found}, not {ours}; naive {naive}, truth {truth}"));
        }
        naively_right += usize::from(naive == case.truth);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(naively_right < 6, "{naively_right}");
}
