//! Words that tell whose version stands behind them.

/// What a version behind this word (in lower case) belongs to, if not to the firmware.
pub(super) fn library(word: &str) -> Option<&'static str> {
    let word = word.trim_matches('_');
    let known = |words: &[&str]| words.contains(&word);
    if word.is_empty() {
        return None;
    }
    if known(SDK) || word.starts_with("idf") {
        return Some("the SDK or core that the firmware was built with");
    }
    if known(LIBRARIES) || word.ends_with("lib") {
        return Some("a library");
    }
    if known(TOOLS) {
        return Some("a tool that built the firmware");
    }
    if known(PROTOCOLS) {
        return Some("a protocol or format");
    }
    if known(LICENCES) {
        return Some("a licence");
    }
    if known(HARDWARE) {
        return Some("the hardware");
    }
    if known(BROWSERS) {
        return Some("a script, a style sheet or a browser");
    }
    None
}

const SDK: &[&str] = &[
    "idf",
    "sdk",
    "core",
    "esp_idf",
    "espidf",
    "arduino",
    "nonos",
    "rtos",
    "freertos",
    "framework",
    "arduinoespressif32",
    "arduinoespressif8266",
    "esp32_arduino",
    "glue",
    "phy",
    "libphy",
    "bootloader",
    "boot",
    "rom",
    "bt",
    "ble",
    "esphome",
    "pp",
    "net80211",
    "coex",
];

const LIBRARIES: &[&str] = &[
    "lwip",
    "mbedtls",
    "mbed",
    "tls",
    "ssl",
    "bearssl",
    "wolfssl",
    "openssl",
    "axtls",
    "arduinojson",
    "cjson",
    "nimble",
    "newlib",
    "radiolib",
    "lvgl",
    "littlefs",
    "spiffs",
    "fatfs",
    "zlib",
    "inflate",
    "deflate",
    "nghttp2",
    "libsodium",
    "sqlite",
    "wifimanager",
    "asyncwebserver",
    "asynctcp",
    "fastled",
    "neopixelbus",
    "u8g2",
    "tft_espi",
    "pubsubclient",
    "elegantota",
    "wolfcrypt",
    "wpa_supplicant",
    "hostapd",
    "tinyusb",
    "lua",
    "duktape",
    "berry",
    "irremoteesp8266",
    "miniz",
    "onewire",
    "simplefoc",
    "coremark",
    "libhelix",
    "opus",
    "espalexa",
    "ipbridge",
    "homespan",
];

const TOOLS: &[&str] = &[
    "gcc",
    "ng",
    "clang",
    "python",
    "cmake",
    "esptool",
    "platformio",
    "crosstool",
    "rustc",
    "elf",
];

const PROTOCOLS: &[&str] = &[
    "http",
    "https",
    "mqtt",
    "upnp",
    "soap",
    "xml",
    "html",
    "svg",
    "css",
    "usb",
    "bluetooth",
    "wps",
    "dlnadoc",
    "modbus",
    "coap",
    "snmp",
    "rtsp",
    "sip",
    "websocket",
    "api",
    "protocol",
    "proto",
    "json",
    "schema",
    "utf",
    "rfc",
    "iso",
    "ieee",
    "zigbee",
    "dali",
    "knx",
    "oauth",
    "hap",
    "artnet",
    "e131",
    "dhcp",
    "ntp",
    "ws",
    "config",
    "configuration",
    "settings",
    "eeprom",
    "nvs",
    "partition",
    "database",
    "db",
];

const LICENCES: &[&str] = &["license", "licence", "apache", "gpl", "lgpl", "agpl", "mpl"];

const HARDWARE: &[&str] = &[
    "hw",
    "hardware",
    "board",
    "pcb",
    "chip",
    "silicon",
    "efuse",
    "chiprev",
    "tft",
    "nextion",
    "driver",
    "modem",
    "coprocessor",
    "pic",
    "picfw",
];

const BROWSERS: &[&str] = &[
    "jquery",
    "bootstrap",
    "css",
    "js",
    "chart",
    "vue",
    "react",
    "angular",
    "moment",
    "normalize",
    "milligram",
    "mozilla",
    "applewebkit",
    "chrome",
    "safari",
    "firefox",
    "gecko",
    "nt",
    "khtml",
    "curl",
    "wget",
    "popper",
    "fontawesome",
    "leaflet",
    "d3",
    "highcharts",
    "bulma",
    "materialize",
    "uikit",
    "lodash",
    "axios",
];
