//! What all messages have in common, written once.

/// Defines a message: a struct of optional fields, of which those that are `None` don't travel. Its `Debug`
/// tells which are there, and not what is in them.
///
/// Behind `=>` stand the facts of a field: an example, when it is sent, how it is cleaned, what it says of a
/// person. What it means is its documentation. A field that is a message has none, as its own fields have
/// them; where the same message stands in several places, what it is about stands there instead. Any other
/// field without facts doesn't compile.
macro_rules! message {
    (@add $place:ident, $found:ident, $field:ident, $type:ty, $doc:expr) => {
        message!(@add $place, $found, $field, $type, $doc, "")
    };
    (@add $place:ident, $found:ident, $field:ident, $type:ty, $doc:expr, $about:literal) => {{
        let path = $place.path(stringify!($field));
        let place = $crate::wire::facts::Place { path: &path, about: $about };
        <$type as $crate::wire::facts::Message>::add_fields(place, $found);
    }};
    (@add $place:ident, $found:ident, $field:ident, $type:ty, $doc:expr, $facts:tt) => {{
        let kind = <$type as $crate::wire::facts::Value>::kind();
        let facts = $crate::wire::facts::Facts $facts;
        $found.push(facts.of($place.path(stringify!($field)), kind, $place.meaning($doc.trim())));
    }};
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[doc = $field_doc:literal])+ $field:ident: $type:ty = $reader:literal $(=> $facts:tt)?,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[expect(clippy::exhaustive_structs, reason = "mirrors the schema, and is made whole where records are mapped")]
        pub struct $name {$(
            $(#[doc = $field_doc])+
            #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = $reader)]
            pub $field: Option<$type>,
        )*}

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $name { $($field),* } = self;
                let mut shown = f.debug_struct(stringify!($name));
                $(if $field.is_some() {
                    shown.field(stringify!($field), &format_args!("***"));
                })*
                shown.finish()
            }
        }

        impl $crate::wire::facts::Message for $name {
            fn add_fields(
                place: $crate::wire::facts::Place<'_>,
                found: &mut Vec<$crate::wire::facts::Field>,
            ) {
                $(message!(@add place, found, $field, $type, concat!($($field_doc),+) $(, $facts)?);)*
            }
        }
    };
}

pub(super) use message;
