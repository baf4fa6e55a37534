//! Notes which compiler builds this, for the runtime's version in telemetry: a Rust program has no other runtime.

use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    vocabulary()?;
    compiler_version();
    Ok(())
}

fn compiler_version() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    let Some(rustc) = std::env::var_os("RUSTC") else { return };
    let Ok(output) = Command::new(rustc).arg("--version").output() else { return };
    // `rustc 1.90.0 (1159e78c4 2025-09-14)`
    let text = String::from_utf8_lossy(&output.stdout);
    if let Some(version) = text.split_whitespace().nth(1) {
        println!("cargo::rustc-env=TELEMETRY_RUSTC_VERSION={version}");
    }
}

mod hash {
    include!("src/text/hash.rs");
}

/// Lays the vocabulary out as a hash table with open addressing, at most half full: a slot holds the number of its word, from 1.
fn vocabulary() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=src/text/vocabulary.txt");
    println!("cargo::rerun-if-changed=src/text/hash.rs");
    let text = std::fs::read_to_string("src/text/vocabulary.txt")?;
    let words: Vec<&str> = text.lines().collect();
    let mut slots = vec![0u16; (words.len() * 2).next_power_of_two()];
    for (number, word) in words.iter().enumerate() {
        let mut slot = hash::hash(word.as_bytes()) as usize % slots.len();
        while slots[slot] != 0 {
            slot = (slot + 1) % slots.len();
        }
        slots[slot] = u16::try_from(number + 1)?;
    }
    let table = format!(
        "pub(super) static WORDS: [&str; {}] = {words:?};\npub(super) static SLOTS: [u16; {}] = {slots:?};\n",
        words.len(),
        slots.len()
    );
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(std::path::Path::new(&out).join("vocabulary.rs"), table)?;
    Ok(())
}
