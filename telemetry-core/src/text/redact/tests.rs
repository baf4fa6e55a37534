use super::*;

#[test]
fn what_touches_is_one_mark() {
    assert_eq!(render("abcdef", vec![1..3, 3..4, 2..3]), Some("a***ef".to_owned()));
    assert_eq!(render("abcdef", Gone::new()), None);
}

#[test]
fn what_stands_encoded_goes_where_it_stands() {
    let decoded = View::decode(r#"a\"b%3Dc"#).unwrap();
    assert_eq!(decoded.text(), "a\"b=c");
    assert_eq!((decoded.origin(1..2), decoded.origin(3..4)), (1..3, 4..7));
    assert!(View::decode("100% \\o/ R&D").is_none());
    assert_eq!(redact("q=password%253Dhunter2%2526b"), "q=password%253D***%2526b");
}

#[test]
fn a_program_is_its_bare_name() {
    let name = |text| base_name(text);
    assert_eq!(name("/usr/bin/java -Dtoken=x -jar /srv/app.jar").as_deref(), Some("java"));
    assert_eq!(name(r"C:\Program Files\App\app.exe").as_deref(), Some("app.exe"));
    assert_eq!(name("/home/ann/key.json").as_deref(), Some("key.json"));
    assert_eq!(name("/"), None);
}

#[test]
fn a_url_loses_its_user_its_query_and_its_fragment() {
    let url = |text| url_without_query(text).unwrap();
    assert_eq!(url("https://ann:pw@login.example.com/oauth?state=1#x"), "https://login.example.com/oauth");
    assert_eq!(url("/sql/1.0/warehouses/abc?o=123"), "/sql/1.0/warehouses/abc");
}

#[test]
fn a_host_is_a_bare_name() {
    let host = |text| bare_host(text);
    assert_eq!(
        host("https://ann:pw@DBC-1.cloud.databricks.com:443/x").as_deref(),
        Some("dbc-1.cloud.databricks.com")
    );
    assert_eq!(host("*.internal").as_deref(), Some("*.internal"));
    assert_eq!(host("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1"));
    for none in
        ["10.0.0.1", "[2001:db8::1]:443", "", "a b", "x/../../y z", "dapi0123456789abcdef0123456789abcdef"]
    {
        assert!(host(none).is_none_or(|host| host == "x"), "{none}");
    }
}

#[test]
fn an_error_name_is_an_identifier_or_none() {
    for name in ["TABLE_OR_VIEW_NOT_FOUND", "java.sql.SQLException", "io::Error", "ORA-00933"] {
        assert_eq!(error_name(name).as_deref(), Some(name));
    }
    for none in [
        "",
        "no such table",
        "password=x",
        "dapi0123456789abcdef0123456789abcdef",
        "10.0.0.1",
        &"x".repeat(129),
    ] {
        assert_eq!(error_name(none), None, "{none}");
    }
}

#[test]
fn a_field_is_one_line_and_cut() {
    assert_eq!(field("  a\nb\u{7} ").as_deref(), Some("a b"));
    assert_eq!(field(" \n"), None);
    assert_eq!(field(&"ab ".repeat(1000)).unwrap().chars().count(), 256);
    // A word that was torn is gone.
    assert_eq!(field(&"x".repeat(5000)), None);
}

/// Texts that were found by fuzzing, each of which broke a rule once.
#[test]
fn what_fuzzing_found() {
    // A name of a directory that is longer than any.
    let long = format!("/home/{} x/", "a".repeat(100));
    assert_eq!(redact(&long), "/home/***/");
    // A cookie's value that ends with the quote that it begins with.
    assert_eq!(redact("Set-Cookie: a=b; c=`"), "Set-Cookie: a=***; c=`");
}
