//! The machine that is measured on.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

/// What it is.
pub fn describe() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo").lines().find_map(|line| {
        line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned())
    });
    let compiler = Command::new("rustc").arg("--version").output().ok();
    let compiler = compiler.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    json!({
        "processor": processor.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "system": format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        "compiler": compiler.unwrap_or_default(),
    })
}

/// How many threads want to run, averaged over the last minute.
pub fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(f64::NAN)
}
