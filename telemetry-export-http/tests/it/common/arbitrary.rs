//! Records of every kind, with anything in them that the types allow.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::array::{uniform3, uniform10, uniform14, uniform20};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use telemetry_core::record::{
    AuthFlow, AuthMech, Body, ChunkDetails, DriverContext, DriverMode, Encoded, ErrorInfo, EventId,
    HostDetails, OperationDetail, ProxyAuth, Record, RecordKind, SessionContext, SessionId, SqlExecution,
    StatementId, TraceParent, VolumeOperation, VolumeOperationType,
};
use telemetry_core::text::{ErrorText, SqlState};
use telemetry_core::{
    ConnectionParams, DriverIdentity, ErrorClass, OperationType, ResultFormat, StatementType, SystemInfo,
};

use super::CANARY;

/// Something with this probability, which may be 0 or 1; nothing is simpler.
fn weighted<S: Strategy + 'static>(presence: f64, of: S) -> BoxedStrategy<Option<S::Value>> {
    // In boxes, as the whole of a record's strategies is too large for a thread's stack.
    (0.0..1.0, of).prop_map(move |(drawn, value)| (drawn >= 1.0 - presence).then_some(value)).boxed()
}

/// Any text: quotes, backslashes, controls, what lies outside the basic plane.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// Any text that holds the canary.
fn secret() -> impl Strategy<Value = String> {
    (text(), text()).prop_map(|(before, behind)| format!("{before}{CANARY}{behind}"))
}

/// A session's or statement's id.
fn id_text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.:-]{0,20}".prop_map(|id| format!("{CANARY}{id}"))
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(999_999)),
        Just(Duration::MAX),
        (0u64..100_000_000).prop_map(Duration::from_micros),
        any::<Duration>(),
    ]
}

fn date() -> impl Strategy<Value = SystemTime> {
    let date = |seconds: i64, nanos: u32| {
        let distance = Duration::new(seconds.unsigned_abs(), nanos);
        let epoch = SystemTime::UNIX_EPOCH;
        let found = if seconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
        found.unwrap_or(epoch)
    };
    let seconds = prop_oneof![Just(0), Just(-1), 0i64..4_000_000_000, any::<i64>()];
    (seconds, 0..1_000_000_000u32).prop_map(move |(seconds, nanos)| date(seconds, nanos))
}

fn system(presence: f64) -> impl Strategy<Value = SystemInfo> {
    uniform10(weighted(presence, secret())).prop_map(|texts| {
        let [runtime_name, runtime_version, runtime_vendor, os_name, os_version, os_arch, ..] = &texts;
        let [.., client_app_name, locale_name, char_set_encoding, process_name] = &texts;
        SystemInfo {
            runtime_name: runtime_name.clone(),
            runtime_version: runtime_version.clone(),
            runtime_vendor: runtime_vendor.clone(),
            os_name: os_name.clone(),
            os_version: os_version.clone(),
            os_arch: os_arch.clone(),
            client_app_name: client_app_name.clone(),
            locale_name: locale_name.clone(),
            char_set_encoding: char_set_encoding.clone(),
            process_name: process_name.clone(),
        }
    })
}

fn host(presence: f64) -> impl Strategy<Value = HostDetails> {
    let proxy = weighted(presence, select(ProxyAuth::ALL));
    (weighted(presence, secret()), weighted(presence, any::<u16>()), proxy)
        .prop_map(|(host_url, port, proxy_auth_type)| HostDetails { host_url, port, proxy_auth_type })
}

fn params(presence: f64) -> impl Strategy<Value = ConnectionParams> {
    let enums = (
        weighted(presence, select(DriverMode::ALL)),
        weighted(presence, select(AuthMech::ALL)),
        weighted(presence, select(AuthFlow::ALL)),
    );
    let numbers = (
        weighted(presence, any::<i64>()),
        weighted(presence, any::<i64>()),
        weighted(presence, any::<i32>()),
        weighted(presence, duration()),
        weighted(presence, duration()),
    );
    let made = (
        uniform14(weighted(presence, secret())),
        uniform20(weighted(presence, any::<bool>())),
        uniform3(weighted(presence, host(presence))),
        weighted(presence, vec(secret(), 0..3)),
        enums,
        numbers,
    );
    made.prop_map(|(texts, flags, hosts, non_proxy_hosts, enums, numbers)| {
        let (mut texts, mut flags, mut hosts) = (texts.into_iter(), flags.into_iter(), hosts.into_iter());
        let mut text = || texts.next().unwrap();
        let mut flag = || flags.next().unwrap();
        let mut host = || hosts.next().unwrap();
        ConnectionParams {
            http_path: text(),
            mode: enums.0,
            host_info: host(),
            use_proxy: flag(),
            auth_mech: enums.1,
            auth_flow: enums.2,
            auth_scope: text(),
            use_system_proxy: flag(),
            non_proxy_hosts,
            use_cf_proxy: flag(),
            proxy_host_info: host(),
            cf_proxy_host_info: host(),
            discovery_mode_enabled: flag(),
            discovery_url: text(),
            use_empty_metadata: flag(),
            support_many_parameters: flag(),
            ssl_trust_store_type: text(),
            check_certificate_revocation: flag(),
            accept_undetermined_certificate_revocation: flag(),
            google_service_account: text(),
            google_credential_file_path: text(),
            http_connection_pool_size: numbers.0,
            enable_sea_hybrid_results: flag(),
            enable_complex_datatype_support: flag(),
            allow_self_signed_support: flag(),
            use_system_trust_store: flag(),
            rows_fetched_per_block: numbers.1,
            azure_workspace_resource_id: text(),
            azure_tenant_id: text(),
            string_column_length: numbers.2,
            enable_token_cache: flag(),
            token_endpoint: text(),
            auth_endpoint: text(),
            enable_arrow: flag(),
            enable_direct_results: flag(),
            enable_jwt_assertion: flag(),
            jwt_key_file: text(),
            jwt_algorithm: text(),
            socket_timeout: numbers.3,
            allowed_volume_ingestion_paths: text(),
            async_poll_interval: numbers.4,
            query_tags: text(),
            enable_metric_view_metadata: flag(),
            auto_commit: flag(),
            fetch_auto_commit_from_server: flag(),
            enable_geospatial_support: flag(),
        }
    })
}

/// A session of which everything but the driver's name and version holds the canary.
pub(crate) fn session(presence: f64) -> impl Strategy<Value = Arc<SessionContext>> {
    let identity = ("[ -~]{1,20}", "[0-9]{1,3}\\.[0-9]\\.[0-9]").prop_map(|(name, version)| {
        DriverIdentity::builder()
            .name(&name)
            .version(&version)
            .client("TEST")
            .flag("flag")
            .build()
            .unwrap_or_else(|_| {
                DriverIdentity::builder()
                    .name("Dots")
                    .version(&version)
                    .client("TEST")
                    .flag("flag")
                    .build()
                    .unwrap()
            })
    });
    let made = (
        identity,
        system(presence),
        weighted(presence, id_text()),
        weighted(presence, any::<i64>()),
        weighted(presence, secret()),
        weighted(presence, secret()),
        params(presence),
    );
    made.prop_map(|(identity, system, session_id, workspace_id, user_agent, auth_type, params)| {
        Arc::new(SessionContext {
            driver: Arc::new(DriverContext { identity, system }),
            session_id: session_id.and_then(|id| SessionId::new(&id)),
            workspace_id,
            user_agent,
            auth_type,
            params,
            encoded: Encoded::default(),
        })
    })
}

fn chunks(presence: f64) -> impl Strategy<Value = ChunkDetails> {
    let made = (
        weighted(presence, any::<u32>()),
        any::<u32>(),
        any::<u64>(),
        weighted(presence, duration()),
        weighted(presence, duration()),
        duration(),
    );
    made.prop_map(|(present, iterated, bytes, first, slowest, sum)| ChunkDetails {
        present,
        iterated,
        bytes,
        first,
        slowest,
        sum,
    })
}

fn operation(presence: f64) -> impl Strategy<Value = OperationDetail> {
    let made = (
        weighted(presence, any::<u32>()),
        weighted(presence, duration()),
        weighted(presence, select(OperationType::ALL)),
        weighted(presence, any::<bool>()),
    );
    made.prop_map(|(status_calls, status_latency, operation_type, is_internal_call)| OperationDetail {
        status_calls,
        status_latency,
        operation_type,
        is_internal_call,
    })
}

fn sql(presence: f64) -> impl Strategy<Value = SqlExecution> {
    let made = (
        weighted(presence, select(StatementType::ALL)),
        weighted(presence, any::<bool>()),
        weighted(presence, select(ResultFormat::ALL)),
        [(); 3].map(|()| weighted(presence, any::<u64>())),
        weighted(presence, chunks(presence)),
        weighted(presence, duration()),
        weighted(presence, duration()),
        weighted(presence, operation(presence)),
        weighted(presence, any::<bool>()),
    );
    made.prop_map(|made| SqlExecution {
        statement_type: made.0,
        is_compressed: made.1,
        execution_result: made.2,
        retry_count: made.3[0],
        rows: made.3[1],
        bytes: made.3[2],
        chunks: made.4,
        result_ready: made.5,
        result_consumed: made.6,
        operation: made.7,
        java_uses_patched_arrow: made.8,
    })
}

fn volume(presence: f64) -> impl Strategy<Value = VolumeOperation> {
    let operation = weighted(presence, select(VolumeOperationType::ALL));
    (operation, weighted(presence, secret()), weighted(presence, secret())).prop_map(
        |(operation, volume_path, local_file)| VolumeOperation { operation, volume_path, local_file },
    )
}

fn error(presence: f64) -> impl Strategy<Value = ErrorInfo> {
    let class = select(&[ErrorClass::Terminal, ErrorClass::Retryable, ErrorClass::Unknown][..]);
    let facts = (
        weighted(presence, "[A-Z0-9]{5}".prop_map(|state| SqlState::new(&state).unwrap())),
        weighted(presence, any::<u16>()),
        weighted(presence, any::<i64>()),
    );
    (text(), class, weighted(presence, any::<u32>()), facts, weighted(presence, secret())).prop_map(
        |(name, class, chunk, (sqlstate, http_status, vendor_code), text)| ErrorInfo {
            name,
            class,
            chunk,
            sqlstate,
            http_status,
            vendor_code,
            text: text.map(|text| ErrorText::detached(&text)),
        },
    )
}

/// A record of which each optional part is there with this probability. Every text but an error's name holds
/// the canary.
pub(crate) fn record(presence: f64) -> impl Strategy<Value = Arc<Record>> {
    let kinds = [RecordKind::Connection, RecordKind::Statement, RecordKind::Error, RecordKind::Operation];
    let made = (
        any::<[u8; 16]>(),
        date(),
        select(kinds.to_vec()),
        session(presence),
        (weighted(presence, id_text()), weighted(presence, any::<([u8; 16], [u8; 8], u8)>())),
        [(); 2].map(|()| weighted(presence, duration())),
        weighted(presence, sql(presence)),
        weighted(presence, volume(presence)),
        weighted(presence, error(presence)),
    );
    made.prop_map(|(id, stamp, kind, session, (statement_id, parent), times, sql, volume, error)| {
        Arc::new(Record {
            id: EventId::from_bytes(id),
            stamp,
            session,
            body: Body {
                kind,
                statement_id: statement_id.and_then(|id| StatementId::new(&id)),
                trace_parent: parent.and_then(|parent| TraceParent::try_from(parent).ok().map(Box::new)),
                latency: times[0],
                since_start: times[1],
                sql,
                volume: volume.map(Box::new),
                error,
            },
        })
    })
}

/// A date of an upload, and a batch for it: records of which each part is there half of the time, always, or
/// never.
pub(crate) fn batch() -> impl Strategy<Value = (SystemTime, Vec<Arc<Record>>)> {
    let one = prop_oneof![6 => record(0.5), 1 => record(0.1), 1 => record(1.0), 1 => record(0.0)];
    (date(), vec(one, 1..4))
}
