//! Who may see which field of a record: said once, where the field is.

use std::time::{Duration, SystemTime};

use crate::text::error_text::ErrorText;

/// Whom a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Audience {
    /// The driver's vendor, who knows the workspace that it comes from.
    Vendor,
    /// The vendor, without credentials: nothing that correlates, nothing that anybody wrote.
    Unauthenticated,
    /// Whoever runs the driver: their own logs, collectors and files, read by more people than may know how a
    /// connection logs in.
    Customer,
}

/// What an audience sees of a value.
pub(crate) trait View {
    fn view(&self, audience: Audience) -> Self;
}

macro_rules! seen_whole {
    ($($type:ty),* $(,)?) => {
        $(
            impl View for $type {
                fn view(&self, _audience: Audience) -> Self {
                    self.clone()
                }
            }
        )*
    };
}

seen_whole!(
    bool,
    i32,
    i64,
    u16,
    u32,
    u64,
    Duration,
    SystemTime,
    String,
    Vec<String>,
    crate::fault::ErrorClass,
    crate::record::enums::AuthFlow,
    crate::record::enums::AuthMech,
    crate::record::enums::DriverMode,
    crate::record::enums::OperationType,
    crate::record::enums::ProxyAuth,
    crate::record::enums::ResultFormat,
    crate::record::enums::StatementType,
    crate::record::enums::VolumeOperationType,
    crate::record::id::EventId,
    crate::record::id::SessionId,
    crate::record::id::StatementId,
    crate::record::identity::DriverIdentity,
    crate::record::kind::RecordKind,
    crate::record::trace_parent::TraceParent,
    crate::text::sqlstate::SqlState,
);

impl<T: View> View for Option<T> {
    fn view(&self, audience: Audience) -> Self {
        self.as_ref().map(|value| value.view(audience))
    }
}

impl<T: View> View for Box<T> {
    fn view(&self, audience: Audience) -> Self {
        Box::new((**self).view(audience))
    }
}

impl View for ErrorText {
    fn view(&self, _audience: Audience) -> Self {
        self.uncounted()
    }
}

/// A struct in which each field says who may see it: `[everybody]`, or some of `vendor` and `customer`, to
/// whom the others are the value's default. A field that doesn't say so doesn't compile.
macro_rules! viewed {
    (@view $value:expr, $audience:expr, everybody) => {
        $crate::record::audience::View::view($value, $audience)
    };
    (@view $value:expr, $audience:expr, $($who:ident)+) => {
        if matches!($audience, $($crate::record::audience::viewed!(@audience $who))|+) {
            $crate::record::audience::View::view($value, $audience)
        } else {
            Default::default()
        }
    };
    (@audience vendor) => { $crate::record::audience::Audience::Vendor };
    (@audience customer) => { $crate::record::audience::Audience::Customer };
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* [$($who:ident)+] pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl $crate::record::audience::View for $name {
            fn view(&self, audience: $crate::record::audience::Audience) -> Self {
                $name { $($field: $crate::record::audience::viewed!(@view &self.$field, audience, $($who)+),)* }
            }
        }
    };
}

pub(crate) use viewed;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fault::ErrorClass;
    use crate::pipeline::event::tests::session;
    use crate::record::context::SessionContext;
    use crate::record::error_info::ErrorInfo;
    use crate::record::id::{EventId, SessionId, StatementId};
    use crate::record::trace_parent::TraceParent;
    use crate::record::{Body, ConnectionParams, Record, RecordKind, SystemInfo};

    fn record() -> Record {
        let params = ConnectionParams {
            http_path: Some("/sql".to_owned()),
            azure_tenant_id: Some("tenant".to_owned()),
            ..ConnectionParams::default()
        };
        let whole = session();
        let session = SessionContext {
            driver: Arc::clone(&whole.driver),
            session_id: SessionId::new("session"),
            workspace_id: Some(7),
            user_agent: Some("agent".to_owned()),
            auth_type: Some("pat".to_owned()),
            params,
            encoded: Default::default(),
        };
        let error = ErrorInfo {
            text: Some(ErrorText::detached("denied")),
            ..ErrorInfo::new("E", ErrorClass::Terminal)
        };
        Record {
            id: EventId::random(),
            stamp: SystemTime::UNIX_EPOCH,
            session: Arc::new(session),
            body: Body {
                statement_id: StatementId::new("statement"),
                latency: Some(Duration::from_secs(1)),
                ..Body::error(None, error)
            },
        }
    }

    #[test]
    fn an_audience_sees_what_its_fields_say_and_nothing_else() {
        let whole = record();
        let error = |record: &Record| record.body.error.as_ref().unwrap().text.as_deref().map(str::to_owned);
        let vendor = whole.seen_by(Audience::Vendor);
        assert_eq!(format!("{vendor:?}"), format!("{whole:?}"));
        assert_eq!(error(&vendor).as_deref(), Some("denied"));
        let customer = whole.seen_by(Audience::Customer);
        assert_eq!(
            (customer.session.workspace_id, customer.session.session_id.as_ref().map(SessionId::as_str)),
            (Some(7), Some("session"))
        );
        assert_eq!(customer.session.params.http_path.as_deref(), Some("/sql"));
        assert_eq!(customer.session.params.azure_tenant_id, None, "how it logs in");
        assert_eq!(
            (error(&customer).as_deref(), customer.body.statement_id.is_some()),
            (Some("denied"), true)
        );
        let nobodys = whole.seen_by(Audience::Unauthenticated);
        assert_eq!((nobodys.id, nobodys.body.latency), (whole.id, whole.body.latency));
        assert_eq!(nobodys.body.kind, RecordKind::Error);
        let SessionContext { driver, session_id, workspace_id, user_agent, auth_type, params, .. } =
            &*nobodys.session;
        assert_eq!((session_id, workspace_id, user_agent, auth_type), (&None, &None, &None, &None));
        assert_eq!((params, &driver.system), (&ConnectionParams::default(), &SystemInfo::default()));
        assert_eq!(driver.identity, whole.session.driver.identity);
        assert_eq!((error(&nobodys), nobodys.body.statement_id), (None, None));
    }

    #[test]
    fn the_callers_trace_is_for_the_customer_alone() {
        let mut whole = record();
        whole.body.trace_parent = TraceParent::from_ids([1; 16], [2; 8], 1).map(Box::new);
        let seen = [Audience::Customer, Audience::Vendor, Audience::Unauthenticated]
            .map(|audience| whole.seen_by(audience).body.trace_parent.is_some());
        assert_eq!(seen, [true, false, false]);
    }

    #[test]
    fn what_is_seen_of_a_connection_is_made_once_and_keeps_nothing_that_was_made_of_more() {
        let whole = record();
        whole.session.encoded.get_or_try_make("format", || Ok::<_, ()>("all of it".to_owned())).unwrap();
        let [first, second] = [0, 1].map(|_| whole.seen_by(Audience::Customer));
        assert!(Arc::ptr_eq(&first.session, &second.session));
        let made = first.session.encoded.get_or_try_make("format", || Ok::<_, ()>("a part".to_owned()));
        assert_eq!(made.unwrap(), "a part");
        assert!(!Arc::ptr_eq(&first.session, &whole.seen_by(Audience::Vendor).session));
    }
}
