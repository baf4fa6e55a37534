//! From a message to the body of a request, with a pause wherever others may be waiting for the thread.

use std::io::Write;

use flate2::write::GzEncoder;
use prost::Message;
use serde::Serialize;
use telemetry_core::Fault;
use telemetry_core::plugin::{PluginError, yield_now};

use crate::config::{Compression, Protocol};

/// How much is compressed in one turn, in bytes.
const TURN: usize = 64 * 1024;

/// The body, of so many bytes at the most before it is compressed.
pub(crate) async fn body(
    message: &(impl Message + Serialize),
    protocol: Protocol,
    compression: Compression,
    limit: usize,
) -> Result<Vec<u8>, PluginError> {
    // What is too long as protobuf is longer as JSON.
    if message.encoded_len() > limit {
        return Err(Fault::TooLarge.into());
    }
    let plain = match protocol {
        Protocol::HttpProtobuf => message.encode_to_vec(),
        Protocol::HttpJson => serde_json::to_vec(message).map_err(|_| Fault::Unsendable)?,
    };
    if plain.len() > limit {
        return Err(Fault::TooLarge.into());
    }
    match compression {
        Compression::None => Ok(plain),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            for turn in plain.chunks(TURN) {
                yield_now().await;
                encoder.write_all(turn).map_err(|_| Fault::Unsendable)?;
            }
            encoder.finish().map_err(|_| Fault::Unsendable.into())
        }
    }
}
