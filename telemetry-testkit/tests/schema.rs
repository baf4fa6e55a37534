//! The schema's strict reader: it takes what the schema has, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use telemetry_testkit::Schema;

/// Paths to all values in this one, itself included, as JSON pointers.
fn pointers(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::from([String::new()]);
    if let Some(object) = value.as_object() {
        for (name, value) in object {
            found.extend(pointers(value).into_iter().map(|rest| format!("/{name}{rest}")));
        }
    }
    found
}

#[test]
fn a_record_with_every_field_is_taken() {
    let schema = Schema::new();
    assert_eq!(schema.check_record(&schema.whole_record().to_string()), Ok(schema.whole_record()));
}

#[test]
fn every_value_of_another_type_is_refused() {
    let schema = Schema::new();
    let whole = schema.whole_record();
    let others = [
        json!(null),
        json!(1),
        json!(1.5),
        json!("1"),
        json!(true),
        json!(["a"]),
        json!([1]),
        json!({"a": 1}),
    ];
    for path in pointers(&whole) {
        let of = whole.pointer(&path).unwrap();
        for other in &others {
            let same_type = match other {
                Value::Number(number) => of.is_number() && number.is_i64(),
                // A text that is no name of an enum's and no id.
                Value::String(_) => of == "text" || of == "",
                Value::Bool(_) => of.is_boolean(),
                Value::Array(values) => of.is_array() && values[0].is_string(),
                Value::Null | Value::Object(_) => false,
            };
            let mut broken = whole.clone();
            *broken.pointer_mut(&path).unwrap() = other.clone();
            assert_eq!(schema.check_record(&broken.to_string()).is_ok(), same_type, "{path}: {other}");
        }
    }
}

#[test]
fn an_unknown_field_is_refused_in_every_message() {
    let schema = Schema::new();
    let whole = schema.whole_record();
    let objects: Vec<_> =
        pointers(&whole).into_iter().filter(|path| whole.pointer(path).unwrap().is_object()).collect();
    assert!(objects.len() >= 16);
    for path in objects {
        let mut broken = whole.clone();
        broken.pointer_mut(&path).unwrap()["surprise"] = json!("text");
        assert!(schema.check_record(&broken.to_string()).unwrap_err().contains("surprise"), "{path}");
    }
}

#[test]
fn numbers_that_their_type_does_not_hold_are_refused() {
    let schema = Schema::new();
    for (path, number) in [
        ("/workspace_id", json!(u64::MAX)),
        ("/entry/sql_driver_log/operation_latency_ms", json!(9_223_372_036_854_775_808_u64)),
        ("/entry/sql_driver_log/operation_latency_ms", json!(1e3)),
        ("/entry/sql_driver_log/sql_operation/chunk_details/total_chunks_present", json!(2_147_483_648_u32)),
        ("/entry/sql_driver_log/driver_connection_params/host_info/port", json!(-2_147_483_649_i64)),
    ] {
        let mut broken = schema.whole_record();
        *broken.pointer_mut(path).unwrap() = number;
        assert!(schema.check_record(&broken.to_string()).is_err(), "{path}");
    }
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    let schema = Schema::new();
    let whole = schema.whole_record().to_string();
    let twice = whole.replacen(r#""auth_type":"text""#, r#""auth_type":"text","auth_type":"text""#, 1);
    assert_ne!(twice, whole);
    assert!(schema.check_record(&twice).is_err());
}

#[test]
fn every_other_envelope_is_refused() {
    let schema = Schema::new();
    let record = schema.whole_record().to_string();
    let good = json!({"uploadTime": 1, "items": [], "protoLogs": [record.clone(), record]});
    assert_eq!(schema.check(good.to_string().as_bytes()).map(|records| records.len()), Ok(2));
    for (name, value) in [
        ("uploadTime", json!("1")),
        ("uploadTime", json!(1.5)),
        ("uploadTime", json!(null)),
        ("items", json!([1])),
        ("items", json!({})),
        ("items", json!(null)),
        ("protoLogs", json!({})),
        ("protoLogs", json!([{}])),
        ("protoLogs", json!([schema.whole_record()])),
        ("protoLogs", json!(["", "{}", "[]", "null"])),
        ("surprise", json!(1)),
    ] {
        let mut broken = good.clone();
        broken[name] = value.clone();
        assert!(schema.check(broken.to_string().as_bytes()).is_err(), "{name}: {value}");
    }
    for name in ["uploadTime", "items", "protoLogs"] {
        let mut broken = good.clone();
        broken.as_object_mut().unwrap().remove(name);
        assert!(schema.check(broken.to_string().as_bytes()).is_err(), "no {name}");
    }
    for body in ["", "null", "[]", "{}", "<html>"] {
        assert!(schema.check(body.as_bytes()).is_err(), "{body}");
    }
    for name in ["frontend_log_event_id", "context", "entry"] {
        let mut broken = schema.whole_record();
        broken.as_object_mut().unwrap().remove(name);
        assert!(schema.check_record(&broken.to_string()).is_err(), "no {name}");
    }
}

#[test]
fn white_space_and_escapes_are_nobodys_business() {
    let schema = Schema::new();
    let record = serde_json::to_string_pretty(&schema.whole_record()).unwrap().replace("text", "te\\u0078t");
    assert!(record.contains("\\u0078"));
    assert_eq!(schema.check_record(&record), Ok(schema.whole_record()));
}

#[test]
fn what_is_wrong_is_said_of_each_record_with_its_place() {
    let schema = Schema::new();
    let broken = |path: &str, value: Value| {
        let mut record = schema.whole_record();
        *record.pointer_mut(path).unwrap() = value;
        record.to_string()
    };
    let logs = [
        broken("/entry/sql_driver_log/sql_operation/chunk_details/total_chunks_present", json!("5")),
        schema.whole_record().to_string(),
        broken("/frontend_log_event_id", json!("01234567-89AB-CDEF-0123-456789ABCDEF")),
        schema.whole_record().to_string().replacen("{", r#"{"entry":{},"#, 1),
    ];
    let body = json!({"uploadTime": 1, "items": [], "protoLogs": logs}).to_string();
    let wrong = schema.check(body.as_bytes()).unwrap_err();
    assert_eq!(
        wrong[..2],
        [
            "protoLogs[0].entry.sql_driver_log.sql_operation.chunk_details.total_chunks_present: no int32",
            "protoLogs[2].frontend_log_event_id: no UUID in lower case",
        ]
    );
    assert!(wrong[2].starts_with("protoLogs[3]: entry is there twice"), "{wrong:?}");
    assert_eq!(wrong.len(), 3);
}

#[test]
fn what_shipped_drivers_send_follows_the_schema_but_for_what_is_said_here() {
    let check = |name: &str| {
        let path = format!("{}/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Schema::new().check(&std::fs::read(path).unwrap()).map(|records| records.len())
    };
    assert_eq!(check("node-2.1.0-unauthenticated"), Ok(18));
    assert_eq!(check("python-4.9.0-authenticated"), Ok(9));
    assert_eq!(check("python-4.9.0-every-field"), Ok(17));
    // A number as a string; no `items`, and ids of another form, before all else that differs.
    assert_eq!(
        check("node-2.1.0-authenticated"),
        Err(vec!["protoLogs[0].workspace_id: no int64".to_owned()])
    );
    let kernel = ["the body: no items".to_owned()].into_iter();
    let ids = (0..3).map(|index| format!("protoLogs[{index}].frontend_log_event_id: no UUID in lower case"));
    assert_eq!(check("sql-kernel-1.3.0-authenticated"), Err(kernel.chain(ids).collect()));
}
