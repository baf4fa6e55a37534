//! What can go wrong, and whether trying again helps: one table for exports and for a driver's own errors.
//! What delivery makes of it is in `pipeline/delivery.rs`.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

/// What went wrong, as far as anybody knows.
///
/// Exporters and transports say it of a request of ours, a driver says it of an error of its own;
/// [`classify`] tells what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The service answered with this HTTP status.
    Status(u16),
    /// A credential is missing, expired, or could not be had.
    Authentication,
    /// No answer within the time allowed.
    Timeout,
    /// No connection: refused, unreachable, or no route.
    Connect,
    /// The connection broke before the answer was there.
    Reset,
    /// The host's name doesn't resolve.
    NoSuchHost,
    /// The TLS handshake failed.
    Tls,
    /// The host, or the address its name resolves to, is one that must not be called.
    RefusedHost,
    /// The service answered with a redirect, which is never followed.
    Redirect,
    /// An answer of success whose body can't be read, so nobody knows what was accepted.
    BadAnswer,
    /// The request would be larger than its limit, and was not sent.
    TooLarge,
    /// The request can't be made at all: a header or a value that doesn't encode.
    Unsendable,
    /// This process has no thread, file descriptor or memory left for it: nothing is said of the service.
    NoResources,
    /// A file could not be written.
    Write(io::ErrorKind),
    /// A plug-in panicked.
    Panicked,
    /// Anything else.
    Other,
}

/// What follows from a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Trying again changes nothing.
    Terminal,
    /// Trying again later may help.
    Retryable,
    /// Nobody knows. A driver's own error of this class is handled as retryable; an export's is dropped and
    /// counted.
    Unknown,
}

/// The class of a fault, of an HTTP status, or of an [`io::Error`].
///
/// Terminal: HTTP 400, 401, 403, 404, authentication, a refused host, a redirect. Retryable: 408, 425, 429,
/// 500, 502, 503, 504, a timeout, a connection refused or reset, a name that doesn't resolve, a want of
/// threads or file descriptors, a full disk.
/// All else is unknown. (The sets are those that Databricks' drivers share.)
///
/// ```
/// use telemetry_core::{ErrorClass, classify};
///
/// assert_eq!(classify(401), ErrorClass::Terminal);
/// assert_eq!(classify(503), ErrorClass::Retryable);
/// assert_eq!(classify(418), ErrorClass::Unknown);
/// ```
pub fn classify(fault: impl Into<Fault>) -> ErrorClass {
    match fault.into() {
        Fault::Status(400 | 401 | 403 | 404)
        | Fault::Authentication
        | Fault::RefusedHost
        | Fault::Redirect => ErrorClass::Terminal,
        Fault::Status(status) if (300..400).contains(&status) => ErrorClass::Terminal,
        Fault::Status(408 | 425 | 429 | 500 | 502 | 503 | 504)
        | Fault::Timeout
        | Fault::Connect
        | Fault::Reset
        | Fault::NoSuchHost
        | Fault::NoResources => ErrorClass::Retryable,
        // What another process or an administrator may end.
        Fault::Write(
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::Interrupted,
        )
        | Fault::Write(io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => ErrorClass::Retryable,
        Fault::Status(_)
        | Fault::Tls
        | Fault::BadAnswer
        | Fault::TooLarge
        | Fault::Unsendable
        | Fault::Write(_)
        | Fault::Panicked
        | Fault::Other => ErrorClass::Unknown,
    }
}

impl Fault {
    /// The fault that an error of an HTTP library comes from: the first that is known of the error itself, of
    /// its [`source`](StdError::source), and so on; `None` when none is. No text is looked at or kept.
    ///
    /// Known are a [`PluginError`] (what a transport's own part has said), an [`io::Error`] by what is inside
    /// it and then by its kind, and whatever `known` says of the library's own types.
    ///
    /// ```
    /// use std::io;
    /// use telemetry_core::Fault;
    ///
    /// let reset = io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset));
    /// assert_eq!(Fault::find(&reset, |_| None), Some(Fault::Reset));
    /// ```
    pub fn find(
        error: &(dyn StdError + 'static),
        known: impl Fn(&(dyn StdError + 'static)) -> Option<Fault>,
    ) -> Option<Fault> {
        find(error, &known)
    }

    /// Whether it was for want of credentials that work, so that others may.
    pub(crate) fn refuses_credentials(self) -> bool {
        matches!(self, Fault::Status(401) | Fault::Authentication)
    }
}

fn find(
    error: &(dyn StdError + 'static),
    known: &dyn Fn(&(dyn StdError + 'static)) -> Option<Fault>,
) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<PluginError>() {
        return Some(error.fault);
    }
    if let Some(fault) = known(error) {
        return Some(fault);
    }
    let io = error.downcast_ref::<io::Error>();
    // Its `source` is that of what is inside it, which it leaves out.
    let inside = match io {
        Some(io) => io.get_ref().map(|inside| inside as &(dyn StdError + 'static)),
        None => error.source(),
    };
    inside
        .and_then(|inside| find(inside, known))
        .or_else(|| io.map(Fault::from).filter(|fault| *fault != Fault::Other))
}

impl From<u16> for Fault {
    fn from(status: u16) -> Self {
        Fault::Status(status)
    }
}

impl From<io::ErrorKind> for Fault {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Fault::Timeout,
            io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotConnected
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Fault::Connect,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Fault::Reset,
            io::ErrorKind::OutOfMemory => Fault::NoResources,
            _ => Fault::Other,
        }
    }
}

impl From<&io::Error> for Fault {
    fn from(error: &io::Error) -> Self {
        // The standard library has no kind for a want of descriptors.
        match error.raw_os_error() {
            Some(code) if NO_DESCRIPTOR.contains(&code) => Fault::NoResources,
            _ => error.kind().into(),
        }
    }
}

/// What the system says when the process, or the machine, has no file descriptor left.
#[cfg(unix)]
const NO_DESCRIPTOR: [i32; 2] = [nix::errno::Errno::EMFILE as i32, nix::errno::Errno::ENFILE as i32];
/// `WSAEMFILE` and `ERROR_TOO_MANY_OPEN_FILES`.
#[cfg(not(unix))]
const NO_DESCRIPTOR: [i32; 2] = [10024, 4];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Fault::Status(status) => return write!(f, "HTTP status {status}"),
            Fault::Write(kind) => return write!(f, "file not written: {kind}"),
            Fault::Authentication => "no valid credential",
            Fault::Timeout => "timeout",
            Fault::Connect => "no connection",
            Fault::Reset => "connection broken",
            Fault::NoSuchHost => "no such host",
            Fault::Tls => "TLS handshake failed",
            Fault::RefusedHost => "refused host",
            Fault::Redirect => "redirect refused",
            Fault::BadAnswer => "unreadable answer",
            Fault::TooLarge => "request too large",
            Fault::Unsendable => "request can't be encoded",
            Fault::NoResources => "no thread, descriptor or memory",
            Fault::Panicked => "a plug-in panicked",
            Fault::Other => "unclassified failure",
        };
        f.write_str(text)
    }
}

/// Why a plug-in (an exporter, a transport, a flag source, a credential provider) could not do what was asked
/// of it.
///
/// It carries no text on purpose: what a server or a library says may hold a secret, and nothing here needs
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{fault}")]
pub struct PluginError {
    /// What went wrong.
    pub fault: Fault,
    /// How long the service asks to be left alone, from its `Retry-After`. Callers cap it.
    pub retry_after: Option<Duration>,
}

impl PluginError {
    /// A failure of which no more is known than what went wrong.
    pub fn new(fault: impl Into<Fault>) -> Self {
        PluginError { fault: fault.into(), retry_after: None }
    }

    /// The same with the wait that the service asked for.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// What follows: [`classify`] of the fault.
    pub fn class(&self) -> ErrorClass {
        classify(self.fault)
    }
}

impl From<Fault> for PluginError {
    fn from(fault: Fault) -> Self {
        PluginError::new(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authentication_and_4xx_are_terminal() {
        for status in [400, 401, 403, 404, 302] {
            assert_eq!(classify(status), ErrorClass::Terminal, "{status}");
        }
        assert_eq!(classify(Fault::Authentication), ErrorClass::Terminal);
        assert_eq!(classify(Fault::RefusedHost), ErrorClass::Terminal);
        assert_eq!(classify(Fault::Redirect), ErrorClass::Terminal);
    }

    #[test]
    fn overload_and_server_errors_are_retryable() {
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(classify(status), ErrorClass::Retryable, "{status}");
        }
    }

    #[test]
    fn network_timeouts_are_retryable() {
        assert_eq!(classify(&io::Error::from(io::ErrorKind::TimedOut)), ErrorClass::Retryable);
        assert_eq!(classify(io::ErrorKind::ConnectionReset), ErrorClass::Retryable);
        assert_eq!(classify(io::ErrorKind::ConnectionRefused), ErrorClass::Retryable);
    }

    #[test]
    fn every_status_has_the_class_that_is_documented() {
        for status in 0..=u16::MAX {
            let class = match status {
                400 | 401 | 403 | 404 | 300..=399 => ErrorClass::Terminal,
                408 | 425 | 429 | 500 | 502 | 503 | 504 => ErrorClass::Retryable,
                _ => ErrorClass::Unknown,
            };
            assert_eq!(classify(status), class, "{status}");
            assert_eq!(PluginError::new(status).class(), class);
        }
    }

    #[test]
    fn every_other_fault_has_the_class_that_is_documented_and_words_of_its_own() {
        use io::ErrorKind as Kind;
        let terminal = [Fault::Authentication, Fault::RefusedHost, Fault::Redirect];
        let network = [Fault::Timeout, Fault::Connect, Fault::Reset, Fault::NoSuchHost, Fault::NoResources];
        let passing =
            [Kind::StorageFull, Kind::QuotaExceeded, Kind::Interrupted, Kind::TimedOut, Kind::WouldBlock];
        let others = [
            Fault::Tls,
            Fault::BadAnswer,
            Fault::TooLarge,
            Fault::Unsendable,
            Fault::Write(Kind::NotFound),
            Fault::Write(Kind::PermissionDenied),
            Fault::Panicked,
            Fault::Other,
        ];
        let retryable = network.into_iter().chain(passing.map(Fault::Write));
        let mut words = std::collections::BTreeSet::new();
        let classes = terminal.into_iter().map(|fault| (fault, ErrorClass::Terminal));
        let classes = classes.chain(retryable.map(|fault| (fault, ErrorClass::Retryable)));
        for (fault, class) in classes.chain(others.map(|fault| (fault, ErrorClass::Unknown))) {
            assert_eq!(classify(fault), class, "{fault:?}");
            assert!(words.insert(fault.to_string()), "{fault} is said of two");
        }
        assert_eq!(words.len(), 3 + 5 + 5 + 8);
    }

    #[cfg(unix)]
    #[test]
    fn a_want_of_descriptors_is_none_of_the_services_faults() {
        use nix::errno::Errno;
        for errno in [Errno::EMFILE, Errno::ENFILE] {
            assert_eq!(Fault::from(&io::Error::from(errno)), Fault::NoResources);
        }
        assert_eq!(Fault::from(&io::Error::from(Errno::ECONNREFUSED)), Fault::Connect);
        assert_eq!(Fault::from(&io::Error::from(io::ErrorKind::OutOfMemory)), Fault::NoResources);
    }

    #[test]
    fn what_the_system_says_of_a_connection_is_told_apart() {
        use io::ErrorKind as Kind;
        for (fault, kinds) in [
            (Fault::Timeout, &[Kind::TimedOut, Kind::WouldBlock][..]),
            (Fault::Connect, &[Kind::ConnectionRefused, Kind::NotConnected, Kind::HostUnreachable][..]),
            (Fault::Connect, &[Kind::NetworkUnreachable, Kind::NetworkDown][..]),
            (Fault::Reset, &[Kind::ConnectionReset, Kind::ConnectionAborted, Kind::BrokenPipe][..]),
            (Fault::Reset, &[Kind::UnexpectedEof][..]),
            (Fault::Other, &[Kind::NotFound, Kind::PermissionDenied, Kind::InvalidData, Kind::Other][..]),
        ] {
            for kind in kinds {
                assert_eq!(Fault::from(*kind), fault, "{kind}");
                assert_eq!(Fault::from(&io::Error::from(*kind)), fault, "{kind}");
            }
        }
    }

    /// An error with another behind it.
    #[derive(Debug, thiserror::Error)]
    #[error("canary")]
    struct Behind(#[source] Box<dyn StdError + Send + Sync>);

    fn found(error: impl StdError + Send + Sync + 'static) -> Option<Fault> {
        let known = |error: &(dyn StdError + 'static)| error.is::<fmt::Error>().then_some(Fault::BadAnswer);
        Fault::find(&error, known)
    }

    #[test]
    fn the_fault_behind_an_error_is_found_however_deep_it_is() {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        let refused = || PluginError::new(Fault::RefusedHost);
        assert_eq!(found(refused()), Some(Fault::RefusedHost));
        assert_eq!(found(reset()), Some(Fault::Reset));
        assert_eq!(found(fmt::Error), Some(Fault::BadAnswer));
        assert_eq!(found(Behind(Box::new(Behind(Box::new(refused()))))), Some(Fault::RefusedHost));
        assert_eq!(found(Behind(Box::new(io::Error::other(Behind(Box::new(reset())))))), Some(Fault::Reset));
        assert_eq!(found(io::Error::other(refused())), Some(Fault::RefusedHost));
        // What is inside an I/O error says more than its kind, and its kind is better than nothing.
        let timed_out = |inside| io::Error::new(io::ErrorKind::TimedOut, inside);
        assert_eq!(found(timed_out(Behind(Box::new(fmt::Error)))), Some(Fault::BadAnswer));
        assert_eq!(found(timed_out(Behind(Box::new(io::Error::other("x"))))), Some(Fault::Timeout));
        assert_eq!(found(Behind(Box::new(io::Error::other("x")))), None);
    }

    #[test]
    fn of_all_faults_two_are_for_want_of_credentials_that_work() {
        let statuses = (0..=u16::MAX).filter(|status| Fault::Status(*status).refuses_credentials());
        assert_eq!(statuses.collect::<Vec<_>>(), [401]);
        assert!(Fault::Authentication.refuses_credentials());
        let others =
            [Fault::RefusedHost, Fault::Redirect, Fault::Timeout, Fault::Panicked, Fault::Unsendable];
        assert!(!others.into_iter().any(Fault::refuses_credentials));
    }

    #[test]
    fn unknown_errors_are_handled_safely() {
        assert_eq!(classify(Fault::Other), ErrorClass::Unknown);
        assert_eq!(classify(413), ErrorClass::Unknown);
        assert_eq!(classify(999), ErrorClass::Unknown);
        assert_eq!(classify(io::ErrorKind::PermissionDenied), ErrorClass::Unknown);
    }
}
