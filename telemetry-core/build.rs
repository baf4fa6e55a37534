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
const CLASSES: [&str; 15] = [
    "known", "secret", "of-key", "key", "person", "about", "code", "unit", "verb", "any-case", "nothing",
    "short", "name", "says", "scheme",
];

/// Lays the words out as a hash table with open addressing, at most half full: a slot holds the number of its
/// word, from 1.
fn vocabulary() -> Result<(), Box<dyn std::error::Error>> {
    for file in ["vocabulary.txt", "keys.txt", "packages.txt", "hash.rs"] {
        println!("cargo::rerun-if-changed=src/text/{file}");
    }
    let vocabulary = std::fs::read_to_string("src/text/vocabulary.txt")?;
    let keys = std::fs::read_to_string("src/text/keys.txt")?;
    let mut words: BTreeMap<&str, u16> = vocabulary.lines().map(|word| (word, 1)).collect();
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
        let folded = hash::fold(word.as_bytes()).ok_or("a word is too long")?;
        let mut slot = hash::hash(folded) as usize % slots.len();
        while slots[slot] != 0 {
            slot = (slot + 1) % slots.len();
        }
        table.push((folded, marks));
        slots[slot] = u16::try_from(table.len())?;
    }
    let packages = std::fs::read_to_string("src/text/packages.txt")?;
    let packages: Vec<&str> = packages.lines().collect();
    if !packages.is_sorted() {
        return Err("packages.txt isn't sorted".into());
    }
    let text = format!(
        "pub(crate) static PACKAGES: [&str; {}] = {packages:?};\n\
         pub(super) static WORDS: [(Folded, u16); {}] = {table:?};\npub(super) static SLOTS: [u16; {}] = {slots:?};\n",
        packages.len(),
        table.len(),
        slots.len()
    );
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    std::fs::write(std::path::Path::new(&out).join("vocabulary.rs"), text)?;
    Ok(())
}
