//! What a driver holds.

pub(crate) mod chunk_recorder;
pub(crate) mod connection_info;
pub(crate) mod emitter;
pub(crate) mod error_details;
pub(crate) mod lease;
pub(crate) mod opening;
pub(crate) mod operation;
pub(crate) mod outcome;
pub(crate) mod provider;
pub(crate) mod provider_registry;
pub(crate) mod session;
pub(crate) mod session_scope;
pub(crate) mod shared_statement;
pub(crate) mod shutdown;
pub(crate) mod statement;
pub(crate) mod target;
pub(crate) mod waiting;
