//! The recorder of downloads that run beside their statement.

use std::fmt;
use std::sync::Arc;

use crate::handle::session_scope::SessionScope;
use crate::ledger::Refusal;
use crate::pipeline::chunks::Tally;
use crate::record::chunk::Chunk;

/// Records the chunks of a statement from other threads and tasks than its own. Cloning it is cheap; a clone
/// for each download, or one for all, makes no difference. It may outlive the statement: a chunk that comes
/// after the end is too late, and is counted.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Chunk, Session};
///
/// # let session = Session::disabled();
/// let mut statement = session.statement();
/// let recorder = statement.chunk_recorder();
/// let downloads = [1, 2].map(|index| {
///     let recorder = recorder.clone();
///     std::thread::spawn(move || recorder.chunk(Chunk::new(index, Duration::from_millis(7))))
/// });
/// # downloads.map(|download| download.join().unwrap());
/// statement.complete();
/// ```
#[derive(Clone, Default)]
pub struct ChunkRecorder(Option<Recording>);

#[derive(Clone)]
struct Recording {
    session: Arc<SessionScope>,
    tally: Arc<Tally>,
}

impl ChunkRecorder {
    /// A recorder that records nothing; the default.
    pub fn disabled() -> Self {
        ChunkRecorder(None)
    }

    pub(super) fn new(session: Arc<SessionScope>, tally: Arc<Tally>) -> Self {
        ChunkRecorder(Some(Recording { session, tally }))
    }

    /// Records that a chunk was downloaded.
    pub fn chunk(&self, chunk: Chunk) {
        if let Some(Recording { session, tally }) = &self.0
            && !tally.add(chunk, || session.client().plugins.in_parent_process())
        {
            session.client().refuse(Refusal::Late, 1);
        }
    }
}

impl fmt::Debug for ChunkRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkRecorder").field("on", &self.0.is_some()).finish()
    }
}
