//! Notes which compiler builds this, for the runtime's version in telemetry: a Rust program has no other
//! runtime.

use std::collections::BTreeMap;
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

/// The classes of `keys.txt`, in the order of their bits; the first is of the vocabulary's words.
const CLASSES: [&str; 23] = [
    "known", "secret", "of-key", "key", "person", "about", "code", "unit", "verb", "any-case", "nothing",
    "short", "name", "says", "scheme", "link", "rows", "of-name", "naming", "header", "value", "sql",
    "object",
];

/// The languages of `packages.txt`, in the order of their bits.
const LANGUAGES: [&str; 6] = ["java", "javascript", "dotnet", "python", "go", "rust"];

/// Lays the words out as a hash table with open addressing, at most half full: a slot holds the number of its
/// word, from 1.
fn vocabulary() -> Result<(), Box<dyn std::error::Error>> {
    for file in ["vocabulary.txt", "keys.txt", "packages.txt", "hash.rs"] {
        println!("cargo::rerun-if-changed=src/text/{file}");
    }
    let vocabulary = std::fs::read_to_string("src/text/vocabulary.txt")?;
    let keys = std::fs::read_to_string("src/text/keys.txt")?;
    let mut words: BTreeMap<&str, u32> = vocabulary.lines().map(|word| (word, 1)).collect();
    for line in keys.lines() {
        let mut parts = line.split(' ');
        let marks = words.entry(parts.next().ok_or("a line is empty")?).or_default();
        for class in parts {
            let bit = CLASSES.iter().position(|known| *known == class).ok_or("a class is unknown")?;
            *marks |= 1 << bit;
        }
    }
    let mut slots = vec![0u16; (words.len() * 2).next_power_of_two()];
    let mut table = Vec::new();
    for (word, marks) in words {
        let folded = hash::fold(word.as_bytes(), word.len()).ok_or("a word is too long")?;
        let mut slot = hash::hash(folded) as usize % slots.len();
        while slots[slot] != 0 {
            slot = (slot + 1) % slots.len();
        }
        table.push((folded, marks));
        slots[slot] = u16::try_from(table.len())?;
    }
    let packages = std::fs::read_to_string("src/text/packages.txt")?;
    let mut rows = Vec::new();
    for line in packages.lines() {
        let mut parts = line.split(' ');
        let package = parts.next().ok_or("a line is empty")?;
        let mut languages = 0u8;
        for language in parts {
            let bit = LANGUAGES.iter().position(|known| *known == language).ok_or("a language is unknown")?;
            languages |= 1 << bit;
        }
        rows.push((package, languages));
    }
    if !rows.is_sorted() {
        return Err("packages.txt isn't sorted".into());
    }
    let text = format!(
        "pub(super) static PACKAGES: [(&str, u8); {}] = {rows:?};\n\
         pub(super) static WORDS: [(Folded, u32); {}] = {table:?};\npub(super) static SLOTS: [u16; {}] = {slots:?};\n",
        rows.len(),
        table.len(),
        slots.len()
    );
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(std::path::Path::new(&out).join("vocabulary.rs"), text)?;
    Ok(())
}
