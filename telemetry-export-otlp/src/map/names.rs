//! The names that the conventions don't have, under the prefix that was set.

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        /// The names, made once.
        #[derive(Debug)]
        pub(super) struct Names {
            $(pub(super) $name: String,)*
        }

        impl Names {
            pub(super) fn new(prefix: &str) -> Self {
                Names { $($name: format!(concat!("{}.", $text), prefix),)* }
            }
        }
    };
}

names! {
    session_id = "session.id",
    workspace_id = "workspace.id",
    auth_type = "auth.type",
    statement_id = "statement.id",
    statement_type = "statement.type",
    internal = "operation.internal",
    result_format = "result.format",
    result_compressed = "result.compressed",
    result_bytes = "result.bytes",
    arrow_patched = "arrow.patched",
    retry_count = "retry.count",
    poll_count = "poll.count",
    chunk_count = "chunk.count",
    chunk_present = "chunk.present",
    chunk_bytes = "chunk.bytes",
    volume_operation = "volume.operation",
    volume_path = "volume.path",
    volume_file = "volume.file",
    error_chunk = "error.chunk",
    error_class = "error.class",
    result_ready = "result.ready",
    result_consumed = "result.consumed",
    polls = "polls",
    chunks = "chunks",
    duration = "duration",
    first_duration = "chunk.first.duration",
    slowest_duration = "chunk.slowest.duration",
    client_rows = "client.rows",
    client_bytes = "client.bytes",
    client_chunks = "client.chunks",
    client_retries = "client.retries",
    client_app_name = "client.app.name",
    locale_name = "client.locale",
    char_set_encoding = "client.charset",
    runtime_vendor = "client.runtime.vendor",
}
