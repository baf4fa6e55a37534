//! A driver's own work.

use std::hint::black_box;

/// Does as much work of its own as takes about so many nanoseconds: a text that is hashed, byte by byte.
pub fn work(nanos: u64) -> u64 {
    (0..nanos).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        black_box((hash ^ (byte & 0xff)).wrapping_mul(0x0100_0000_01b3))
    })
}
