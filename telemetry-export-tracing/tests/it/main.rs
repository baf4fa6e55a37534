//! What a subscriber is told, and what the books say of it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod books;
mod common;
mod events;
