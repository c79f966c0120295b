//! What a person copies into a sketch, a project file or a shell.

use super::address::Address;
use crate::domain::image::SKETCH_MACRO;

/// Something to copy, in one block or several.
#[derive(Debug)]
pub(super) struct Snippet {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
    pub(super) blocks: Vec<Block>,
    /// Whether it holds the address of this server.
    pub(super) has_address: bool,
}

/// A block of lines, and where they belong.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) place: &'static str,
    pub(super) code: String,
}

/// All of them, with the server's address and the platform filled in.
pub(super) fn snippets(address: &Address, platform: &str) -> Vec<Snippet> {
    let Address { base, host, port, .. } = address;
    let fill = |place: &'static str, template: &str| Block {
        place,
        code: template
            .replace("{base}", base)
            .replace("{host}", host)
            .replace("{port}", &port.to_string())
            .replace("{platform}", platform),
    };
    let mut snippets = sketches(&fill);
    snippets.push(marker(&fill));
    snippets.push(files(&fill));
    snippets.extend(uploads(&fill));
    snippets
}

type Fill<'a> = dyn Fn(&'static str, &str) -> Block + 'a;

fn sketches(fill: &Fill<'_>) -> Vec<Snippet> {
    vec![
        Snippet {
            id: "esp8266",
            title: "ESP8266",
            text: "Asks once after every start. Raise VERSION with every build: it is what \
                   Espalier reads out of the file, and what the device reports.",
            blocks: vec![fill("in the sketch", include_str!("snippets/esp8266.txt"))],
            has_address: true,
        },
        Snippet {
            id: "esp32",
            title: "ESP32",
            text: "The same for the ESP32 and its relatives (S2, S3, C3, C6 …). No header of \
                   theirs tells which one asks: chip= does, so that each gets its own image where \
                   a release has several. Without it you choose the chip once on the device’s \
                   page, or it is learnt from the image that the device runs.",
            blocks: vec![fill("in the sketch", include_str!("snippets/esp32.txt"))],
            has_address: true,
        },
        Snippet {
            id: "autoconnect",
            title: "AutoConnect",
            text: "Adds an Update page to the portal of AutoConnect that lists this platform’s \
                   releases. The device must be approved before it may download.",
            blocks: vec![fill("in the sketch", include_str!("snippets/autoconnect.txt"))],
            has_address: true,
        },
    ]
}

fn marker(fill: &Fill<'_>) -> Snippet {
    Snippet {
        id: "marker",
        title: "Marker",
        text: "Optional: one line that leaves no doubt about name and version in the file, \
               whatever else is in it. Put the macro into a file, and the line outside of any \
               function, in one source file only. A few dozen bytes stay in the image; the linker \
               does not drop them. It is C as well as C++.",
        blocks: vec![
            fill("espalier.h, beside the sketch or among the headers", SKETCH_MACRO),
            fill("Arduino: in the sketch", include_str!("snippets/marker_arduino.txt")),
            fill(
                "PlatformIO: platformio.ini gives the version",
                include_str!("snippets/marker_platformio.txt"),
            ),
            fill(
                "ESP-IDF: main.c (not needed where PROJECT_VER and the project’s name say the same)",
                include_str!("snippets/marker_idf.txt"),
            ),
        ],
        has_address: false,
    }
}

fn files(fill: &Fill<'_>) -> Snippet {
    Snippet {
        id: "files",
        title: "File system",
        text: "For sketches with files of their own (LittleFS, SPIFFS). Upload the file-system \
               image with the version of the application: both make one release. Ask for the \
               files first and the sketch second, with the same version: the files go by the \
               version that still runs, and the sketch restarts the device. Each file system is \
               sent once, because nothing tells which files a device has.",
        blocks: vec![
            fill("ESP8266: in the sketch", include_str!("snippets/files_esp8266.txt")),
            fill("ESP32: in the sketch", include_str!("snippets/files_esp32.txt")),
            fill("a shell: make and upload it", include_str!("snippets/files_upload.txt")),
        ],
        has_address: true,
    }
}

fn uploads(fill: &Fill<'_>) -> Vec<Snippet> {
    vec![
        Snippet {
            id: "platformio",
            title: "PlatformIO",
            text: "Uploads every build here; “pio run -t upload” then publishes it. Leave out \
                   publish=true to look at the report card first.",
            blocks: vec![fill("platformio.ini", include_str!("snippets/platformio.txt"))],
            has_address: true,
        },
        Snippet {
            id: "curl",
            title: "curl",
            text: "Uploads and publishes, or says what is in the way and ends with an error. The \
                   second line plays a device that asks.",
            blocks: vec![fill("a shell, or CI", include_str!("snippets/curl.txt"))],
            has_address: true,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_hold_the_address_and_the_platform() {
        let address = Address::read("http://pi.lan:8000", false);
        for snippet in snippets(&address, "chase") {
            let code: Vec<&str> = snippet.blocks.iter().map(|block| block.code.as_str()).collect();
            let code = code.join("\n");
            for gap in ["{base}", "{host}", "{port}", "{platform}"] {
                assert!(!code.contains(gap), "{}", snippet.id);
            }
            assert_eq!(code.contains("pi.lan"), snippet.has_address, "{}", snippet.id);
            assert!(code.contains("chase"), "{}", snippet.id);
        }
    }
}
