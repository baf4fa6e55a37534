//! What can go wrong, and what telemetry may know of it.

use telemetry_core::{ErrorClass, ErrorDetails, Fault, classify};

/// An error of the driver.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Setup(#[source] reqwest::Error),
    /// An option that can't be taken.
    #[error("{0}")]
    Option(String),
    /// A request failed on its way, or was not answered in time.
    #[error("a request to {host} failed")]
    Http {
        /// Whom it was for.
        host: String,
        /// What went wrong. Without its URL, which may authorise by itself.
        source: reqwest::Error,
    },
    /// The service refused a request.
    #[error("{code}: {message} (HTTP {status})")]
    Service {
        /// The HTTP status.
        status: u16,
        /// The service's error code.
        code: String,
        /// Its message.
        message: String,
    },
    /// The statement failed.
    #[error("{message}")]
    Statement {
        /// The error's class, such as `TABLE_OR_VIEW_NOT_FOUND`.
        class: String,
        /// The SQLSTATE.
        sql_state: Option<String>,
        /// The message.
        message: String,
    },
    /// The statement was cancelled.
    #[error("the statement was cancelled")]
    Cancelled,
    /// An answer that isn't what the API promises.
    #[error("unexpected answer: {0}")]
    Protocol(&'static str),
}

impl Error {
    pub(crate) fn http(source: reqwest::Error) -> Self {
        let host = source.url().and_then(|url| url.host_str()).unwrap_or("the service").to_owned();
        Error::Http { host, source: source.without_url() }
    }

    /// What telemetry is told: a name, a class, and the texts, which it redacts. Called only while telemetry
    /// is on.
    pub(crate) fn details(&self) -> ErrorDetails {
        let mut stack = String::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            stack.push_str(&format!("caused by: {error}\n"));
            cause = error.source();
        }
        ErrorDetails::new(self.name()).class(self.class()).message(self).stack(stack)
    }

    fn name(&self) -> &str {
        match self {
            Error::Setup(_) | Error::Http { .. } => "HTTP_REQUEST_FAILED",
            Error::Option(_) => "INVALID_OPTION",
            Error::Service { code, .. } => code,
            Error::Statement { class, .. } => class,
            Error::Cancelled => "CANCELLED",
            Error::Protocol(_) => "PROTOCOL_ERROR",
        }
    }

    fn class(&self) -> ErrorClass {
        match self {
            Error::Http { source, .. } if source.is_timeout() => classify(Fault::Timeout),
            Error::Http { source, .. } if source.is_connect() => classify(Fault::Connect),
            Error::Service { status, .. } => classify(*status),
            // Trying again changes nothing about a statement that is wrong.
            Error::Statement { .. } => ErrorClass::Terminal,
            Error::Setup(_)
            | Error::Option(_)
            | Error::Http { .. }
            | Error::Cancelled
            | Error::Protocol(_) => ErrorClass::Unknown,
        }
    }
}
