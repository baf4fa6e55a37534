//! What is to be known of a field before it may be sent.

use std::fmt;

use super::named::{EnumOrUnknown, WireEnum};

/// One field of what is sent, and all that its reader may want to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Field {
    /// Where it stands, as in the JSON: `entry.sql_driver_log.session_id`.
    pub path: String,
    /// What its values are.
    pub kind: Kind,
    /// What it says.
    pub meaning: String,
    /// A value that it may have. A text stands without its quotes, all else as in the JSON.
    pub example: &'static str,
    /// In which records it is, and whether it travels without credentials.
    pub when: When,
    /// What its value is held to before it is kept.
    pub cleaning: Cleaning,
    /// What it says of a person.
    pub privacy: Privacy,
}

/// What a field's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Text.
    Text,
    /// A list.
    List,
    /// True or false.
    Truth,
    /// A whole number.
    Number,
    /// One of these names.
    OneOf(Vec<&'static str>),
}

/// In which records a field is, and whether it travels without credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum When {
    /// In these, with credentials or without.
    Always(&'static str),
    /// In these, under the connection's authorization alone.
    WithCredentials(&'static str),
    /// In none. It is only read, and this says where it comes from.
    Never(&'static str),
}

impl When {
    /// Whether the field travels without credentials too.
    pub fn without_credentials(self) -> bool {
        matches!(self, When::Always(_))
    }

    /// Whether the field is ever sent.
    pub fn is_sent(self) -> bool {
        !matches!(self, When::Never(_))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::Always(records) => f.write_str(records),
            When::WithCredentials(records) => write!(f, "{records}; not without credentials"),
            When::Never(from) => write!(f, "never: {from}"),
        }
    }
}

/// What a field's value is held to before it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cleaning {
    /// Nothing: it is a number, a truth or a name of a fixed list, and can hold no other text.
    NoText,
    /// Nothing: the library makes it itself, of nobody's text.
    MadeHere,
    /// Nothing more: it is made of fields of this table.
    ItsParts,
    /// What a driver's author says of the driver, which is checked when the provider is built.
    Author,
    /// As the author's where the driver says it, as a line where the connection does.
    AuthorOrLine,
    /// An id of the service's.
    Id,
    /// Any text on one line.
    Line,
    /// The name of a file or program.
    BaseName,
    /// A URL, or the path of one.
    Url,
    /// The name of a host.
    Host,
    /// Names of hosts.
    Hosts,
    /// The name of an error.
    ErrorName,
    /// An error's message and stack.
    ErrorText,
}

impl Cleaning {
    /// The rule in full. Its name is what `Display` gives.
    pub fn rule(self) -> &'static str {
        match self {
            Cleaning::NoText => "A number, a truth or a name of a fixed list, which can hold no other text.",
            Cleaning::MadeHere => "Made by the library itself, of nobody's text.",
            Cleaning::ItsParts => "Made of fields of this table, each of which is cleaned as it says.",
            Cleaning::Author => "Visible ASCII and spaces, at most 128 characters, or no provider is built.",
            Cleaning::AuthorOrLine => {
                "The driver's own is held to what an author says of a driver, the connection's to a line."
            }
            Cleaning::Id => {
                "Letters, digits and `-_.:`, at most 63. Anything else is left out, as is an access token."
            }
            Cleaning::Line => {
                "At most 256 characters. A word that looks like a token, or is an IP address, becomes `***`. A \
                 text in which something is quoted, escaped, or named as a secret or a person is held to the \
                 words that errors may have."
            }
            Cleaning::BaseName => "Directories and arguments are cut off; what is left is held to a line.",
            Cleaning::Url => {
                "User, query and fragment are cut off; what is left is held to a line. Its host stays, unless it \
                 is an IP address."
            }
            Cleaning::Host => {
                "Scheme, user, port and path are cut off. An IP address is left out, save this machine's own \
                 (loopback), and so is what is no name of a host."
            }
            Cleaning::Hosts => "At most 64, each a host.",
            Cleaning::ErrorName => {
                "The shape of a class's name or a code, at most 128 characters. Anything else becomes \
                 `unnamed`, as does a token or an IP address."
            }
            Cleaning::ErrorText => {
                "At most 2,048 characters. The driver's own constant texts are kept, and of all else the words \
                 that are known to be harmless; the others become `***`. A user can narrow it further."
            }
        }
    }
}

impl fmt::Display for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cleaning::NoText => "no text",
            Cleaning::MadeHere => "made here",
            Cleaning::ItsParts => "its parts",
            Cleaning::Author => "author's",
            Cleaning::AuthorOrLine => "author's or line",
            Cleaning::Id => "id",
            Cleaning::Line => "line",
            Cleaning::BaseName => "base name",
            Cleaning::Url => "URL",
            Cleaning::Host => "host",
            Cleaning::Hosts => "hosts",
            Cleaning::ErrorName => "error's name",
            Cleaning::ErrorText => "error's text",
        })
    }
}

/// What a field says of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Privacy {
    /// It holds what people have named or written. Cleaned as it is, it may still hold the name of one.
    Personal,
    /// It names a workspace, an account, a machine, a connection or a statement. Who has the records of the
    /// service or of the company may find a person by it.
    Pseudonymous,
    /// Neither.
    Neither,
}

impl fmt::Display for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Privacy::Personal => "personal",
            Privacy::Pseudonymous => "pseudonymous",
            Privacy::Neither => "neither",
        })
    }
}

/// The facts that stand beside a field.
pub(crate) struct Facts(pub(crate) &'static str, pub(crate) When, pub(crate) Cleaning, pub(crate) Privacy);

impl Facts {
    pub(crate) fn of(self, path: String, kind: Kind, meaning: String) -> Field {
        let Facts(example, when, cleaning, privacy) = self;
        Field { path, kind, meaning, example, when, cleaning, privacy }
    }
}

/// Where a message stands.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) path: &'a str,
    /// What it is about, where the same message stands in several places.
    pub(crate) about: &'static str,
}

impl Place<'_> {
    pub(crate) fn path(&self, field: &str) -> String {
        match self.path {
            "" => field.to_owned(),
            path => format!("{path}.{field}"),
        }
    }

    pub(crate) fn meaning(&self, doc: &str) -> String {
        let mut letters = doc.chars();
        match (self.about, letters.next()) {
            ("", _) | (_, None) => doc.to_owned(),
            (about, Some(first)) => format!("{about}: {}{}", first.to_lowercase(), letters.as_str()),
        }
    }
}

/// A type of a field that is a message: its own fields have the facts.
#[diagnostic::on_unimplemented(
    message = "a field of `{Self}` needs its facts: `=> (example, when, cleaning, privacy)`"
)]
pub(crate) trait Message {
    fn add_fields(place: Place<'_>, found: &mut Vec<Field>);
}

/// A type of a field that has facts of its own.
#[diagnostic::on_unimplemented(message = "`{Self}` is a message, whose own fields have the facts")]
pub(crate) trait Value {
    fn kind() -> Kind;
}

macro_rules! values {
    ($($type:ty => $kind:ident),*) => {
        $(impl Value for $type {
            fn kind() -> Kind {
                Kind::$kind
            }
        })*
    };
}

values!(String => Text, Vec<String> => List, bool => Truth, i32 => Number, i64 => Number);

impl<E: WireEnum> Value for EnumOrUnknown<E> {
    fn kind() -> Kind {
        Kind::OneOf(E::wire_names())
    }
}
