//! Notes which compiler builds this, for the runtime's version in telemetry: a Rust program has no other runtime.

use std::process::Command;

fn main() {
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
