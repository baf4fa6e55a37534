//! `Debug` of what anybody may put a string into: strings show redacted.

use std::fmt::Debug;
use std::time::Duration;

use crate::fault::ErrorClass;
use crate::model::{AuthFlow, AuthMech, DriverMode, HostDetails, ProxyAuth, VolumeOperationType};
use crate::redact::redact;
use crate::text::ErrorText;

/// What a field's value shows.
pub(crate) trait Shown {
    fn shown(&self) -> Box<dyn Debug + '_>;
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Box<dyn Debug + '_> {
        Box::new(self.as_ref().map(Shown::shown))
    }
}

impl Shown for String {
    fn shown(&self) -> Box<dyn Debug + '_> {
        Box::new(redact(self))
    }
}

impl Shown for Vec<String> {
    fn shown(&self) -> Box<dyn Debug + '_> {
        Box::new(self.iter().map(|text| redact(text)).collect::<Vec<_>>())
    }
}

macro_rules! show_as_they_are {
    ($($type:ty),*) => {$(
        impl Shown for $type {
            fn shown(&self) -> Box<dyn Debug + '_> {
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
    HostDetails,
    ProxyAuth,
    VolumeOperationType,
    ErrorClass,
    ErrorText
);

/// `Debug` for a struct of which every field is [`Shown`].
macro_rules! debug_redacted {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $name { $($field),* } = self;
                let mut shown = f.debug_struct(stringify!($name));
                $(shown.field(stringify!($field), &$crate::shown::Shown::shown($field));)*
                shown.finish()
            }
        }
    };
}

pub(crate) use debug_redacted;
