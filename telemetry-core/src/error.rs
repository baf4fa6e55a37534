//! The errors of building: the one moment at which this workspace may say no.

/// Why a provider or a part of one can't be built. Messages carry the value that was wrong, unless it could
/// be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting is outside its bounds.
    #[error("{name} is {value}, and must be {expected}")]
    OutOfBounds {
        /// The setting's name.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// The bounds, in words.
        expected: &'static str,
    },
    /// There is no setting of this name, or none that text may set.
    #[error("there is no setting {0:?}")]
    UnknownSetting(String),
    /// A name holds what a name may not hold.
    #[error("{name} is {value:?}, and may hold only visible ASCII, 1 to 128 characters")]
    InvalidName {
        /// The setting's name.
        name: &'static str,
        /// The value that was given.
        value: String,
    },
    /// A word or package of an author's own has not the form of one.
    #[error("{0} may hold only words of 1 to 24 ASCII letters and digits, and names of packages")]
    InvalidWord(&'static str),
    /// Two sinks have the same name.
    #[error("two sinks are called {0:?}")]
    SameName(String),
    /// A part without which nothing can be delivered was not given.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A part from outside (a TLS provider, an HTTP client, a file) could not be set up.
    #[error("{what} could not be set up: {reason}")]
    Setup {
        /// The part.
        what: &'static str,
        /// What it said.
        reason: String,
    },
}
