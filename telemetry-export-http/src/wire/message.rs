//! What all messages have in common, written once.

/// Defines a message: a struct of optional fields, of which those that are `None` don't travel. Its `Debug`
/// tells which are there, and not what is in them.
macro_rules! message {
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty = $reader:literal,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[expect(clippy::exhaustive_structs, reason = "mirrors the schema, and is made whole where records are mapped")]
        pub struct $name {$(
            $(#[$field_doc])*
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
    };
}

pub(super) use message;
