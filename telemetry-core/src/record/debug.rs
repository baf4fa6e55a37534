//! `Debug` of what anybody may put a string into: strings show redacted.

use std::fmt::Debug;
use std::time::Duration;

use crate::fault::ErrorClass;
use crate::record::enums::{AuthFlow, AuthMech, DriverMode, ProxyAuth, VolumeOperationType};
use crate::text::error_text::ErrorText;
use crate::text::fields::field;

/// What a field's value shows.
pub(crate) trait DebugRedacted {
    fn debug_redacted(&self) -> Box<dyn Debug + '_>;
}

impl<T: DebugRedacted> DebugRedacted for Option<T> {
    fn debug_redacted(&self) -> Box<dyn Debug + '_> {
        Box::new(self.as_ref().map(DebugRedacted::debug_redacted))
    }
}

impl DebugRedacted for String {
    fn debug_redacted(&self) -> Box<dyn Debug + '_> {
        Box::new(field(self).unwrap_or_default())
    }
}

impl DebugRedacted for Vec<String> {
    fn debug_redacted(&self) -> Box<dyn Debug + '_> {
        Box::new(self.iter().map(|text| field(text).unwrap_or_default()).collect::<Vec<_>>())
    }
}

macro_rules! show_as_they_are {
    ($($type:ty),*) => {$(
        impl DebugRedacted for $type {
            fn debug_redacted(&self) -> Box<dyn Debug + '_> {
                Box::new(self)
            }
        }
    )*};
}

show_as_they_are!(
    bool,
    i32,
    u16,
    u32,
    i64,
    u64,
    Duration,
    AuthFlow,
    AuthMech,
    DriverMode,
    ProxyAuth,
    VolumeOperationType,
    ErrorClass,
    ErrorText
);

/// `Debug` for a struct of which every field is [`DebugRedacted`].
macro_rules! debug_redacted {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $name { $($field),* } = self;
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), &$crate::record::debug::DebugRedacted::debug_redacted($field));)*
                shown.finish()
            }
        }
    };
}

pub(crate) use debug_redacted;
