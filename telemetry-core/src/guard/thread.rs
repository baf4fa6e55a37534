//! Threads of the workspace's own.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
pub(crate) use std::thread::yield_now;
use std::thread::{Builder, JoinHandle};

use crate::guard::own_work::only_own_work;

/// Starts a thread that does nothing but the workspace's own work, and that no signal of the process is
/// delivered to: whoever waits for signals, or handles them on a thread of theirs, goes on to get them.
///
/// # Errors
///
/// What the system says when it has no thread to give.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    #[cfg(test)]
    if NONE_LEFT.get() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    let _blocked = Blocked::all();
    Builder::new().name(name.to_owned()).spawn(move || {
        only_own_work();
        run()
    })
}

#[cfg(test)]
thread_local! {
    /// Whether the system gives this thread no other.
    pub(crate) static NONE_LEFT: Cell<bool> = const { Cell::new(false) };
}

/// This thread's number, by which threads are spread: the first that asks is 0, the next 1.
pub(crate) fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    // A thread that is being torn down has none any more.
    NUMBER
        .try_with(|number| {
            let own = number.get().unwrap_or_else(|| NEXT.fetch_add(1, Ordering::Relaxed));
            number.set(Some(own));
            own
        })
        .unwrap_or(0)
}

/// All signals are blocked on this thread for as long as it lives. A thread begins with the mask of the one
/// that starts it.
#[cfg(unix)]
struct Blocked(Option<nix::sys::signal::SigSet>);

#[cfg(unix)]
impl Blocked {
    fn all() -> Self {
        use nix::sys::signal::{SigSet, SigmaskHow};
        Blocked(SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok())
    }
}

#[cfg(unix)]
impl Drop for Blocked {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // It fails for no mask that came from the system.
            _ = before.thread_set_mask();
        }
    }
}

#[cfg(not(unix))]
struct Blocked;

#[cfg(not(unix))]
impl Blocked {
    fn all() -> Self {
        Blocked
    }
}

#[cfg(all(test, unix))]
mod tests {
    use nix::sys::signal::{SigSet, Signal};

    use super::*;
    use crate::guard::own_work::is_own_work;

    #[test]
    fn a_thread_gets_no_signal_and_who_starts_it_keeps_its_own_mask() {
        let before = SigSet::thread_get_mask().unwrap();
        let inside = spawn("test", || (SigSet::thread_get_mask().unwrap(), is_own_work())).unwrap();
        let (mask, own) = inside.join().unwrap();
        assert!(own);
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGXFSZ, Signal::SIGPIPE, Signal::SIGCHLD] {
            assert!(mask.contains(signal), "{signal}");
        }
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
