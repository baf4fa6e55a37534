//! Messages of optional fields: one table says of each field who may see it, its type and, if anybody may put
//! a string into it, by which rule it is held to what it may contain.

use std::time::Duration;

use crate::record::enums::{AuthFlow, AuthMech, DriverMode, ProxyAuth, VolumeOperationType};

/// A type of a field that can hold no text, and so needs no rule.
pub(crate) trait NoText {}

/// What can be known in parts.
pub(crate) trait Merge {
    /// The same, and where it says nothing, what was said before.
    fn or(self, before: Self) -> Self;
}

/// What a field's value takes outside itself.
pub(crate) trait Heap {
    fn heap_bytes(&self) -> usize;

    /// Lets go of what it has no use for.
    fn shrink(&mut self);
}

impl Heap for String {
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }

    fn shrink(&mut self) {
        self.shrink_to_fit();
    }
}

impl Heap for Vec<String> {
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<String>() + self.iter().map(Heap::heap_bytes).sum::<usize>()
    }

    fn shrink(&mut self) {
        self.iter_mut().for_each(Heap::shrink);
        self.shrink_to_fit();
    }
}

/// Holds values to their rules one after another, beside what was left of the same ones before. A rule says
/// the same of a value each time, so it isn't asked again of one that it is known to leave as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// A bit for each of the values before that its rule is known to leave as it is.
    stays: u64,
    place: u32,
}

impl Held {
    /// Holds the next value to its rule; `before` is what was left of the one before.
    pub(crate) fn hold<T: PartialEq + Heap>(
        &mut self,
        value: &mut Option<T>,
        before: &Option<T>,
        rule: impl FnOnce(T) -> Option<T>,
    ) {
        // What is past the last bit is held to its rule each time.
        let bit = 1_u64.checked_shl(self.place).unwrap_or(0);
        self.place += 1;
        let same = value == before;
        if same && self.stays & bit != 0 {
            if let Some(value) = value {
                value.shrink();
            }
            return;
        }
        *value = value.take().and_then(rule);
        if value != before {
            self.stays &= !bit;
        } else if same {
            self.stays |= bit;
        }
    }

    /// The same from the first value on, beside what was left this time.
    pub(crate) fn again(self) -> Self {
        Held { place: 0, ..self }
    }
}

macro_rules! no_text {
    ($($type:ty),*) => {
        $(
            impl NoText for $type {}

            impl Heap for $type {
                fn heap_bytes(&self) -> usize {
                    0
                }

                fn shrink(&mut self) {}
            }
        )*
    };
}

no_text!(bool, i32, u16, i64, Duration, AuthFlow, AuthMech, DriverMode, ProxyAuth, VolumeOperationType);

/// The rule of fields that have none.
pub(crate) fn as_it_is<T: NoText>(value: T) -> Option<T> {
    Some(value)
}

/// A struct of optional fields, what an [audience](crate::record::audience) sees of it, its `sanitized`, and
/// a `Debug` that shows what `sanitized` would leave. A field of text without a rule doesn't compile.
macro_rules! message {
    (@rule) => { $crate::record::message::as_it_is };
    (@rule $rule:path) => { $rule };
    (
        $(#[$doc:meta])* $name:ident {
            $($(#[$field_doc:meta])* [$($who:ident)+] $field:ident: $type:ty $(=> $rule:path)?,)*
        }
    ) => {
        $crate::record::audience::viewed! {
            $(#[$doc])*
            #[derive(Clone, Default, PartialEq, Eq)]
            #[expect(
                clippy::exhaustive_structs,
                reason = "mirrors the wire's message, and is matched whole where it is mapped"
            )]
            pub struct $name {
                $($(#[$field_doc])* [$($who)+] pub $field: Option<$type>,)*
            }
        }

        impl $name {
            /// The same, with each text held to its field's rule.
            pub(crate) fn sanitized(mut self) -> Self {
                self.sanitize_beside(&$name::default(), &mut $crate::record::message::Held::default());
                self
            }

            /// Holds each text to its field's rule, beside what was left of one before.
            pub(crate) fn sanitize_beside(&mut self, before: &Self, held: &mut $crate::record::message::Held) {
                $(held.hold(&mut self.$field, &before.$field, message!(@rule $($rule)?));)*
            }
        }

        impl $crate::record::message::Merge for $name {
            fn or(self, before: Self) -> Self {
                $name { $($field: self.$field.or(before.$field),)* }
            }
        }

        impl $crate::record::message::Heap for $name {
            fn heap_bytes(&self) -> usize {
                use $crate::record::message::Heap;
                [$(self.$field.as_ref().map_or(0, Heap::heap_bytes)),*].into_iter().sum()
            }

            fn shrink(&mut self) {
                $(self.$field.as_mut().map(|value| $crate::record::message::Heap::shrink(value));)*
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $name { $($field),* } = self.clone().sanitized();
                f.debug_struct(stringify!($name))$(.field(stringify!($field), &$field))*.finish()
            }
        }
    };
}

pub(crate) use message;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these values, and how many of them the rule was asked of. It leaves lower case.
    fn hold(
        held: &mut Held,
        before: &[Option<&str>],
        values: &[Option<&str>],
    ) -> (Vec<Option<String>>, usize) {
        let mut asked = 0;
        let owned = |values: &[Option<&str>]| values.iter().map(|value| value.map(str::to_owned)).collect();
        let (mut values, before): (Vec<_>, Vec<_>) = (owned(values), owned(before));
        for (value, before) in values.iter_mut().zip(&before) {
            held.hold(value, before, |text| {
                asked += 1;
                Some(text.to_lowercase()).filter(|text| !text.is_empty())
            });
        }
        *held = held.again();
        (values, asked)
    }

    #[test]
    fn a_rule_is_asked_again_of_all_but_what_it_left_as_it_was() {
        let mut held = Held::default();
        let nothing = [None; 4];
        let (said, left) = ([Some("a"), Some("B"), Some(""), None], [Some("a"), Some("b"), None, None]);
        let as_left = left.map(|text| text.map(str::to_owned)).to_vec();
        let mut hold = |before, said| hold(&mut held, before, said);
        assert_eq!(hold(&nothing, &said), (as_left.clone(), 3));
        assert_eq!(hold(&left, &said), (as_left.clone(), 3), "nothing is known of what was left");
        assert_eq!(hold(&left, &said), (as_left.clone(), 2), "what it changes it is asked of each time");
        assert_eq!(hold(&left, &left), (as_left.clone(), 1));
        assert_eq!(hold(&left, &left), (as_left.clone(), 0));
        let other = [Some("c"), Some("b"), None, None];
        assert_eq!(hold(&left, &other).1, 1);
        assert_eq!(hold(&other, &left).1, 1, "what was known of another value isn't of this one");
        assert_eq!(hold(&left, &left).1, 1);
        assert_eq!(hold(&left, &left).1, 0);
    }

    #[test]
    fn what_is_not_held_to_its_rule_again_takes_no_more_than_it_needs() {
        let roomy = || {
            let (mut text, mut list) = ("host".to_owned(), Vec::with_capacity(64));
            text.reserve(4096);
            list.extend(["a".to_owned(), "b".to_owned()]);
            list[0].reserve(4096);
            (Some(text), Some(list))
        };
        let (before, list_before) = roomy();
        let mut held = Held { stays: 0b11, place: 0 };
        let (mut text, mut list) = roomy();
        held.hold(&mut text, &before, |_| panic!("it is known to stay"));
        held.hold(&mut list, &list_before, |_| panic!("it is known to stay"));
        assert_eq!(
            (text.unwrap().heap_bytes(), list.unwrap().heap_bytes()),
            (4, 2 * size_of::<String>() + 2)
        );
    }

    #[test]
    fn more_values_than_can_be_remembered_are_held_to_their_rules_each_time() {
        let (mut held, same) = (Held::default(), [Some("a"); 70]);
        let asked = [0; 3].map(|_| hold(&mut held, &same, &same).1);
        assert_eq!(asked, [70, 6, 6]);
    }
}
