//! The page in a real browser, by its DevTools protocol. `bash .ci/browser` runs these: the variable
//! `CHROMIUM` names the browser. On Unix, as the pipe to it is made by a shell.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod accessible;
mod chromium;
#[path = "../it/common/mod.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod common;
mod large;
mod views;
