//! The macro for sketches, really compiled and linked: its marker survives a linker that throws
//! unused sections away, and is found in the image.
//!
//! Needs a cross compiler (Debian: `gcc-xtensa-lx106`, `gcc-riscv64-unknown-elf`); without one the
//! test says `SKIPPED:` and passes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it did")]

use std::fs;
use std::path::Path;
use std::process::Command;

use espalier::domain::image::{KnownNames, SKETCH_MACRO, inspect};

#[path = "it_api/images.rs"]
#[expect(dead_code, reason = "only one of its images is wanted here")]
mod images;

/// A compiler: the beginning of its tools' names, and what it is told.
const COMPILERS: [(&str, &[&str]); 2] = [
    ("xtensa-lx106-elf-", &["-mlongcalls"]),
    ("riscv64-unknown-elf-", &["-march=rv32imc", "-mabi=ilp32", "-msmall-data-limit=0"]),
];

/// As the cores of Arduino and ESP-IDF link: what nothing refers to is thrown away, but for the
/// constructors.
const LINKER_SCRIPT: &str = "
ENTRY(start)
SECTIONS {
  .rodata 0x3FFE8000 : {
    *(.rodata .rodata.* .srodata .srodata.*)
    KEEP(*(SORT(.ctors.*))) KEEP(*(.ctors))
    KEEP(*(SORT(.init_array.*))) KEEP(*(.init_array))
  }
  .text 0x40201010 : { *(.literal .literal.* .text .text.*) }
  /DISCARD/ : { *(.comment) *(.eh_frame*) *(.xt.*) *(.xtensa.info) *(.riscv.attributes) }
}";

const OPTIONS: [&str; 8] = [
    "-Os",
    "-Wall",
    "-Werror",
    "-ffunction-sections",
    "-fdata-sections",
    "-ffreestanding",
    "-nostdlib",
    "-Wl,--gc-sections,--build-id=none,--no-warn-rwx-segments",
];

#[test]
fn the_marker_survives_the_linker_and_is_found() {
    for (tools, options) in COMPILERS {
        if Command::new(format!("{tools}gcc")).arg("--version").output().is_err() {
            println!("SKIPPED: there is no {tools}gcc; the marker was not compiled with it");
            continue;
        }
        for source in ["sketch.c", "sketch.cpp"] {
            for version in ["\"v1.0.1\"", "VERSION"] {
                let data = built(tools, options, source, version);
                let text = String::from_utf8_lossy(&data);
                assert!(!text.contains("nobody refers"), "{tools}{source}: nothing is dropped");
                let image = images::esp8266(&[&text]);
                let info = inspect(&image, &KnownNames::default()).unwrap();
                let found = info.markers.first().unwrap();
                let (name, version) = (found.name.as_deref(), found.version.as_deref());
                assert_eq!((name, version), (Some("Marshall"), Some("v1.0.1")), "{tools}{source}");
            }
        }
    }
}

/// The constants of a linked program with the marker in it.
fn built(tools: &str, options: &[&str], source: &str, version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let start = if source == "sketch.cpp" { "extern \"C\" void start();" } else { "" };
    let sketch = format!(
        "#include \"espalier.h\"\n\
         ESPALIER(\"Marshall\", {version})\n\
         const char *const unused __attribute__((used)) = \"nobody refers to this\";\n\
         {start}\nvoid start(void) {{ for (;;); }}\n"
    );
    fs::write(path("espalier.h"), SKETCH_MACRO.to_owned() + "\n").unwrap();
    fs::write(path("sketch.ld"), LINKER_SCRIPT).unwrap();
    fs::write(path(source), sketch).unwrap();
    run(Command::new(format!("{tools}gcc"))
        .args(OPTIONS)
        .args(options)
        .args(["-D", "VERSION=\"v1.0.1\"", "-T"])
        .arg(path("sketch.ld"))
        .arg(path(source))
        .arg("-o")
        .arg(path("sketch.elf")));
    let data = path("rodata");
    objcopy(tools, &path("sketch.elf"), &data);
    fs::read(data).unwrap()
}

fn objcopy(tools: &str, program: &Path, data: &Path) {
    let mut objcopy = Command::new(format!("{tools}objcopy"));
    run(objcopy.args(["-O", "binary", "-j", ".rodata"]).args([program, data]));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
