use telemetry_core::HostPolicy;

use super::*;

fn from(variables: &[(&str, &str)]) -> OtlpConfig {
    of(variables).unwrap()
}

fn of(variables: &[(&str, &str)]) -> Option<OtlpConfig> {
    OtlpConfig::from_variables(|asked| {
        assert!(VARIABLES.contains(&asked), "{asked} is in the list");
        variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
    })
}

/// Where each signal goes.
fn urls(config: &OtlpConfig) -> [Option<String>; 3] {
    let url = |to: Option<Destination>| to.map(|to| format!("{}{}", to.host.origin(), to.path));
    config.destinations().unwrap().map(url)
}

fn some<const N: usize>(urls: [&str; N]) -> [Option<String>; N] {
    urls.map(|url| Some(url.to_owned()))
}

fn traces(config: &OtlpConfig) -> Destination {
    config.destinations().unwrap()[0].clone().unwrap()
}

fn error(config: &OtlpConfig) -> String {
    config.destinations().unwrap_err().to_string()
}

#[test]
fn signals_go_behind_the_base_and_by_default_to_this_machine() {
    let default = OtlpConfig::default();
    assert_eq!(
        urls(&default),
        some([
            "http://localhost:4318/v1/traces",
            "http://localhost:4318/v1/logs",
            "http://localhost:4318/v1/metrics"
        ])
    );
    assert_eq!(urls(&from(&[])), urls(&default));
    let to = traces(&default);
    assert_eq!((to.protocol, to.compression), (Protocol::HttpProtobuf, Compression::None));
    assert_eq!((to.timeout, to.headers.len()), (Duration::from_secs(10), 0));
    // The examples of the specification.
    let base = |url| urls(&from(&[("OTEL_EXPORTER_OTLP_ENDPOINT", url)]))[0].clone().unwrap();
    assert_eq!(base("http://collector:4318"), "http://collector:4318/v1/traces");
    assert_eq!(base("http://collector:4318/mycollector/"), "http://collector:4318/mycollector/v1/traces");
    assert_eq!(base("http://collector:4318/mycollector"), "http://collector:4318/mycollector/v1/traces");
    assert_eq!(base(" http://collector:/a?b=c#d "), "http://collector/a/v1/traces");
}

#[test]
fn the_url_of_one_signal_is_used_as_it_is() {
    let config = from(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/mycollector/"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://collector.example.com/v1/metrics/?key=1"),
    ]);
    assert_eq!(
        urls(&config),
        some([
            "http://collector:4318/",
            "http://collector:4318/mycollector/v1/logs",
            "https://collector.example.com/v1/metrics/?key=1"
        ])
    );
}

#[test]
fn plain_http_is_private_and_https_goes_anywhere() {
    let policy = |url: &str| traces(&OtlpConfig::default().all(|all| all.endpoint(url))).host.policy();
    assert_eq!(policy("http://localhost"), HostPolicy::Private);
    assert_eq!(policy("http://10.0.0.1:4318"), HostPolicy::Private);
    assert_eq!(policy("https://localhost:4318"), HostPolicy::Private);
    assert_eq!(policy("HTTPS://otlp.example.com"), HostPolicy::Public);
    for (url, reason) in [
        ("http://8.8.8.8", "no address of this machine or a private network"),
        ("https://169.254.169.254", "address of this machine or of its link"),
        ("collector:4318", "no scheme"),
        ("", "no scheme"),
        ("grpc://collector", "scheme isn't https"),
        ("http://user:canary@collector", "port isn't a number"),
        ("https://canary@collector", "something other than letters"),
        ("http://collector/a b", "visible ASCII"),
    ] {
        let said = error(&OtlpConfig::default().all(|all| all.endpoint(url)));
        assert!(said.starts_with("OTLP endpoint could not be set up: ") && said.contains(reason), "{said}");
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn what_one_signal_says_wins_over_what_is_said_of_all_and_code_over_variables() {
    let config = from(&[
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "HTTP/JSON"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "99999999999"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret%2C1, x-b = two words ,Content-Type=text/plain"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "x-own=1"),
    ]);
    let [traces, logs, metrics] = config.destinations().unwrap().map(Option::unwrap);
    let protocols = [&traces, &logs, &metrics].map(|to| to.protocol);
    assert_eq!(protocols, [Protocol::HttpJson, Protocol::HttpProtobuf, Protocol::HttpJson]);
    let compressions = [&traces, &logs, &metrics].map(|to| to.compression);
    assert_eq!(compressions, [Compression::Gzip, Compression::Gzip, Compression::None]);
    let timeouts = [&traces, &logs, &metrics].map(|to| to.timeout);
    assert_eq!(timeouts, [Duration::from_millis(1500), MAX_TIMEOUT, MAX_TIMEOUT]);
    let headers = |to: &Destination| to.headers.iter().map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>();
    assert_eq!(headers(&traces), ["api-key: secret,1", "x-b: two words"], "not what describes a request");
    assert_eq!((headers(&logs), headers(&metrics)), (headers(&traces), vec!["x-own: 1".to_owned()]));
    assert!(!format!("{config:?} {traces:?}").contains("secret"));

    let config = config.all(|all| all.protocol(Protocol::HttpProtobuf).timeout(Duration::from_secs(2)));
    assert_eq!(self::traces(&config).protocol, Protocol::HttpProtobuf);
    assert_eq!(self::traces(&config).timeout, Duration::from_secs(2));
}

#[test]
fn a_variable_that_is_empty_or_unreadable_is_as_if_it_were_not_set() {
    let config = from(&[
        ("OTEL_SDK_DISABLED", "1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", " "),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a,=b,x=%zz,y=%e9,z=%0a,b c=1,%,good=1,"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,broken"),
        ("OTEL_SERVICE_NAME", ""),
    ]);
    let to = traces(&config);
    assert_eq!(format!("{}{}", to.host.origin(), to.path), "http://localhost:4318/v1/traces");
    assert_eq!((to.protocol, to.compression), (Protocol::HttpProtobuf, Compression::None));
    assert_eq!(to.timeout, Duration::from_secs(10));
    assert_eq!(to.headers.iter().collect::<Vec<_>>(), [("good", "1")]);
    assert_eq!((config.resource, config.service_name), (vec![], None), "one that is broken costs all");
}

#[test]
fn the_resource_is_read_and_decoded() {
    let config = from(&[
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=other,deployment.environment.name=a%2Cb%3D%C3%A9, k = v ,k=w",
        ),
        ("OTEL_SERVICE_NAME", "reports"),
    ]);
    assert_eq!(config.service_name.as_deref(), Some("reports"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected =
        [pair("service.name", "other"), pair("deployment.environment.name", "a,b=é"), pair("k", "w")];
    assert_eq!(config.resource, expected);
}

#[test]
fn a_signal_can_be_off_and_so_can_all() {
    assert!(of(&[("OTEL_SDK_DISABLED", "True")]).is_none());
    assert!(of(&[("OTEL_SDK_DISABLED", "false")]).is_some());
    let config = from(&[("OTEL_LOGS_EXPORTER", "none"), ("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(urls(&config)[1], None);
    assert!(urls(&config)[0].is_some());
    let none = config.all(SignalConfig::off);
    assert_eq!(error(&none), "a signal that is on is missing");
}

#[test]
fn what_code_says_wrongly_is_a_clear_error() {
    let default = OtlpConfig::default;
    for timeout in [Duration::ZERO, Duration::from_secs(301)] {
        let said = error(&default().all(|all| all.timeout(timeout)));
        assert_eq!(said, format!("timeout is {timeout:?}, and must be 1 ms to 5 min"));
    }
    for (name, value) in [("", "x"), ("a b", "x"), ("a", "x\ny"), ("a", "é")] {
        let said = error(&default().all(|all| all.header(name, value)));
        assert_eq!(said, format!("OTLP header could not be set up: {name:?} or its value is no header"));
    }
    let said = |config: OtlpConfig| config.validate().unwrap_err().to_string();
    assert!(default().validate().is_ok());
    assert!(said(default().prefix("a b")).starts_with("prefix is \"a b\""));
    assert!(said(default().database_system("")).starts_with("database_system is \"\""));
    assert!(said(default().max_attribute_sets(0)).ends_with("must be 1 to 100000"));
    assert!(said(default().max_body_bytes(1023)).ends_with("must be 1 KiB to 64 MiB"));
}
