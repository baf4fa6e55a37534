//! The recorder of a download that runs beside others.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::guard::lock::try_lock;
use crate::handle::session_scope::SessionScope;
use crate::ledger::Refusal;
use crate::pipeline::chunks::ChunkTotals;
use crate::record::chunk::Chunk;

/// Records the chunks of one of several parallel downloads. It is `Send`, gathers in itself, and is added to
/// its statement when it is dropped; after the statement ended that is too late, and is counted.
///
/// ```
/// use std::time::Duration;
/// use telemetry_core::{Chunk, Session};
///
/// # let session = Session::disabled();
/// let mut statement = session.statement();
/// let mut recorder = statement.chunk_recorder();
/// let download = std::thread::spawn(move || recorder.chunk(Chunk::new(1, Duration::from_millis(7))));
/// # download.join().unwrap();
/// statement.complete();
/// ```
pub struct ChunkRecorder(Option<Recording>);

struct Recording {
    session: Arc<SessionScope>,
    tally: Arc<Tally>,
    chunks: ChunkTotals,
    events: u64,
}

impl ChunkRecorder {
    /// A recorder that records nothing.
    pub fn disabled() -> Self {
        ChunkRecorder(None)
    }

    pub(super) fn new(session: Arc<SessionScope>, tally: Arc<Tally>) -> Self {
        ChunkRecorder(Some(Recording { session, tally, chunks: ChunkTotals::default(), events: 0 }))
    }

    /// Records that a chunk was downloaded.
    pub fn chunk(&mut self, chunk: Chunk) {
        if let Some(recording) = &mut self.0 {
            recording.events += 1;
            recording.chunks.record(chunk);
        }
    }
}

impl Drop for ChunkRecorder {
    fn drop(&mut self) {
        if let Some(Recording { session, tally, chunks, events }) = self.0.take()
            && let Err(refusal) = tally.add(&chunks, events)
        {
            session.client().refuse(refusal, events);
        }
    }
}

impl fmt::Debug for ChunkRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkRecorder").field("on", &self.0.is_some()).finish()
    }
}

/// Where the recorders of one statement come together.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Sum>);

#[derive(Debug, Default)]
struct Sum {
    chunks: ChunkTotals,
    events: u64,
    closed: bool,
}

impl Tally {
    fn add(&self, chunks: &ChunkTotals, events: u64) -> Result<(), Refusal> {
        let mut sum = self.lock().ok_or(Refusal::Contended)?;
        if sum.closed {
            return Err(Refusal::Late);
        }
        sum.chunks.merge(chunks);
        sum.events += events;
        Ok(())
    }

    pub(super) fn close(&self) -> (ChunkTotals, u64) {
        let Some(mut sum) = self.lock() else { return (ChunkTotals::default(), 0) };
        sum.closed = true;
        (sum.chunks, sum.events)
    }

    /// Tries for as long as a holder can need, and not for ever, as a forked child may have inherited it
    /// locked.
    fn lock(&self) -> Option<std::sync::MutexGuard<'_, Sum>> {
        const TRIES: u32 = 10_000;
        (0..TRIES).find_map(|tries| {
            let sum = try_lock(&self.0);
            if sum.is_none() && tries % 64 == 63 {
                std::thread::yield_now();
            }
            sum
        })
    }
}
