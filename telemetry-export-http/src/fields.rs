//! Every field that can be sent: what it means, when it is sent, how it is cleaned, and what it says of a
//! person.
//!
//! The facts stand beside the fields of the [`wire`](crate::wire): a field without them doesn't compile. The
//! table in `docs/TELEMETRY.md` is made of this one.
//!
//! ```
//! use telemetry_export_http::fields::{self, Privacy};
//!
//! let personal = fields::all().into_iter().filter(|field| field.privacy == Privacy::Personal);
//! let paths: Vec<String> = personal.map(|field| field.path).collect();
//! assert!(paths.contains(&"entry.sql_driver_log.vol_operation.local_file".to_owned()));
//! ```

pub use crate::wire::facts::{Cleaning, Field, Kind, Privacy, When};

use crate::wire::facts::{Message, Place};
use crate::wire::{Frontend, Upload};

/// Every field that can be sent: those of a request's body, and then those of a record, of which
/// `protoLogs` holds many.
pub fn all() -> Vec<Field> {
    let mut fields = Upload::fields();
    fields.extend(of_a_record().into_iter().filter(|field| field.when.is_sent()));
    fields
}

/// The fields that are read, as other drivers write them, and never sent.
pub fn never_sent() -> Vec<Field> {
    of_a_record().into_iter().filter(|field| !field.when.is_sent()).collect()
}

fn of_a_record() -> Vec<Field> {
    let mut fields = Vec::new();
    Frontend::add_fields(Place { path: "", about: "" }, &mut fields);
    fields
}
