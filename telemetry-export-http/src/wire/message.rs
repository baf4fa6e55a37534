//! What all messages have in common, written once.

/// Defines a message: a struct of optional fields, of which those that are `None` don't travel, and of what
/// else was read. Its `Debug` tells which are there, and not what is in them.
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
    // A field that is a message may hold more; any other can't.
    (@extra $place:expr, $found:ident, $field:ident) => { message!(@extra $place, $found, $field, "") };
    (@extra $place:expr, $found:ident, $field:ident, $about:literal) => {
        if let Some(message) = $field {
            message.add_extra(&$place.path(stringify!($field)), $found);
        }
    };
    (@extra $place:expr, $found:ident, $field:ident, $facts:tt) => { _ = $field };
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
        )*
            /// What was read that isn't in the schema. It is written again as it came; a record that is made
            /// here has none.
            #[serde(flatten)]
            pub extra: $crate::wire::Extra,
        }

        impl $name {
            /// What was read here and further in that isn't in the schema: where it stands, dotted and seen
            /// from here, and its value.
            pub fn extra_fields(&self) -> Vec<(String, &serde_json::Value)> {
                let mut found = Vec::new();
                self.add_extra("", &mut found);
                found
            }

            pub(super) fn add_extra<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a serde_json::Value)>) {
                let place = $crate::wire::facts::Place { path, about: "" };
                let $name { $($field,)* extra } = self;
                found.extend(extra.iter().map(|(name, value)| (place.path(name), value)));
                $(message!(@extra place, found, $field $(, $facts)?);)*
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $name { $($field,)* extra } = self;
                let mut shown = f.debug_struct(stringify!($name));
                $(if $field.is_some() {
                    shown.field(stringify!($field), &format_args!("***"));
                })*
                if !extra.is_empty() {
                    shown.field("extra", &extra.len());
                }
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
