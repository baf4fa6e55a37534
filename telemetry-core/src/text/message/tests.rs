use super::*;
use crate::text::tokens::STEPS;

fn steps(text: &str) -> u64 {
    STEPS.set(0);
    sanitize(text, &TextRules::default());
    STEPS.get()
}

/// What is hard on one rule or another, over and over.
const HARD: &[&str] = &[
    "password=\"",
    // Of all these quotes the last alone closes.
    "^\n'",
    "\\\"\n'",
    "goroutine 1 [running]:\n\"",
    // Quotes behind words, which nothing closes.
    "a\u{ab}",
    "a\u{201c} ",
    "a\u{201e}x\u{201c}",
    "password='",
    "password={",
    "password=[",
    "password=(",
    "password: |\n  ",
    "a",
    "aA1",
    "eyJ",
    "eyJ.",
    "://",
    "@",
    "a@",
    ":",
    "::",
    "1.",
    "1:",
    "\\",
    "\\\\",
    "\\\\a\\",
    "%25",
    "%",
    "&",
    "&amp;",
    "-----BEGIN ",
    "-----BEGIN -----",
    "Authorization: ",
    "Authorization:\n ",
    "authorization: digest a=\"",
    "cookie: a=",
    "cookie: a=b; ",
    "near '",
    "near \"",
    "== SQL ==\n",
    "LINE 1: ",
    "SELECT ",
    "SELECT a FROM '",
    "'SELECT ",
    "value '",
    "(",
    "contains (",
    ")=(",
    "key ",
    "user ",
    "for user x ",
    "-p",
    "-u ",
    "/home/",
    "/home/a ",
    "C:\\Users\\a ",
    "~",
    "'@'",
    "name: password value: ",
    "password is ",
    "<password>",
    "dapi",
    "sk-",
    "password\n",
    "params=[",
    "parameters: {",
    "=",
    "a=",
    "a=b;",
    "\u{e4}",
    "password=\u{1f511}",
];

#[test]
fn what_stands_beside_a_word_decides() {
    for (text, kept) in [
        // Numbers: alone, and outside SQL.
        ("failed after 3 attempts on port 5432", "failed after 3 attempts on port 5432"),
        ("card 4111 1111 1111 1111 refused", "card *** refused"),
        ("call 555-1234 or 0171 555", "call *** or ***"),
        ("SELECT name FROM table LIMIT 42", "SELECT *** FROM table LIMIT ***"),
        ("delete from orders because the server closed", "delete from *** because the server closed"),
        ("SELECT failed: the table was not found", "SELECT failed: the table was not found"),
        ("update of the orders failed", "update of the orders failed"),
        ("SELECT name FROM table WHERE id = 42", "SELECT *** FROM table WHERE *** = ***"),
        ("update 3 rows", "update 3 rows"),
        ("error 1064 (42000): syntax", "error 1064 (42000): syntax"),
        ("SQLSTATE: 0A000, HTTP status 503", "SQLSTATE: 0A000, HTTP status 503"),
        // Values: what is quoted, what is assigned, what a key names.
        ("table 'orders' not found", "table '***' not found"),
        ("can't read, don't retry", "can't read, don't retry"),
        (
            "retries=3 enabled=true size=12345 mode=fast value=null",
            "retries=3 enabled=true size=*** mode=*** value=null",
        ),
        ("password is welcome", "password is ***"),
        ("password is not set", "password is not set"),
        ("the password was rejected by the server", "the password was rejected by the server"),
        ("user Marks is unknown", "user *** is unknown"),
        ("access key: server; primary key: server", "access key: ***; primary key: server"),
        ("Grant failed for Grant", "Grant failed for ***"),
        ("Bearer welcome", "Bearer ***"),
        ("digest algorithm is unknown", "digest algorithm is unknown"),
        ("mysql -u root --password welcome", "mysql -*** --password ***"),
        // Letters, plurals, and words joined.
        ("column(s) x and y", "column(s) x and y"),
        ("x y z", "***"),
        ("I/O error in X.509 chain", "I/O error in X.509 chain"),
        ("TableNotFoundException in read_timeout_ms", "TableNotFoundException in read_timeout_ms"),
        ("OAuth over IPv6, gRPC or HTTP/1.1", "OAuth over IPv6, gRPC or HTTP/1.1"),
        ("wELCOME frobnicate \u{4f60}\u{597d} na\u{ef}ve", "***"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn a_statement_that_is_repeated_goes_to_a_frame_or_to_an_empty_line_under_its_caret() {
    for (text, kept) in [
        (
            "== SQL (line 1, position 8) ==\nthe query\n    --^^^\n\nthe query failed",
            "== SQL (line 1, position 8) ==\n***\n    --^^^\n\nthe query failed",
        ),
        ("== SQL ==\nthe query\n\nthe query", "== SQL ==\n***\n\n***"),
        ("== SQL ==\nthe query\n---\n\nthe query", "== SQL ==\n***\n***\n\n***"),
        ("== SQL ==\nthe ^ query\n\nthe query", "== SQL ==\n***\n\n***"),
        (
            "== SQL ==\nthe query\nat java.lang.Thread.run(Thread.java:1)\nthe query failed",
            "== SQL ==\n***\n    at java.lang.Thread.run(Thread.java:1)\nthe query failed",
        ),
        // Nothing else is such a heading, and a caret points at nothing without one.
        ("== SQL (welcome) ==\nthe query failed", "== *** (***) ==\nthe query failed"),
        ("== SQL\nthe query failed", "== ***\nthe query failed"),
        ("^^^\nthe query failed", "***\nthe query failed"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn a_quote_that_is_closed_on_no_later_line_is_one_lines_alone() {
    for (text, kept) in [
        ("the \"open query\nthe server\" failed", "the \"***\n***\" failed"),
        ("the \"open query\nthe server failed", "the \"***\nthe server failed"),
        ("the \"open query\nthe 'open query\nthe server' failed", "the \"***\nthe '***\n***' failed"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn ten_bare_words_in_a_row_are_no_sentence() {
    let row = |words: usize| vec!["server"; words].join(" ");
    for (text, kept) in [
        (row(9), row(9)),
        (row(10), "***".to_owned()),
        (row(12), "***".to_owned()),
        (format!("Timeout, {}, failed", row(10)), "Timeout, ***, failed".to_owned()),
        (format!("{}, {}", row(9), row(9)), format!("{}, {}", row(9), row(9))),
        (format!("{} and {}", row(9), row(9)), format!("{} and {}", row(9), row(9))),
        (format!("{} Server {}", row(9), row(9)), format!("{} Server {}", row(9), row(9))),
        (format!("{} 'server' {}", row(9), row(9)), format!("{} '***' {}", row(9), row(9))),
        (format!("{} frobnicate", row(9)), "***".to_owned()),
    ] {
        assert_eq!(sanitize(&text, &TextRules::default()), kept);
    }
}

#[test]
fn of_a_statement_the_keywords_are_kept_and_what_only_looks_like_one_stays() {
    for (text, kept) in [
        ("select server from query", "select *** from ***"),
        ("select server", "select server"),
        ("from query select server", "from query select server"),
        ("update server set query", "update *** set ***"),
        ("update server", "update server"),
        ("set server update query", "set server update query"),
        ("insert into server", "insert into ***"),
        ("merge into server", "merge into ***"),
        ("insert server", "insert server"),
        ("the server is into query", "the server is into query"),
        ("delete from server", "delete from ***"),
        ("delete server", "delete server"),
        ("create table server", "create table ***"),
        ("drop table server", "drop table ***"),
        ("alter table server", "alter table ***"),
        ("truncate table server", "truncate table ***"),
        ("drop server", "drop server"),
        ("the table server", "the table server"),
        ("FROM server WHERE query", "FROM *** WHERE ***"),
        ("from server where query", "from server where query"),
        ("WHERE server FROM query", "WHERE server FROM query"),
        (
            "the server failed: drop table server, query because the server failed",
            "the server failed: drop table ***, *** because the server failed",
        ),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn what_is_assigned_to_a_key_goes_to_the_end_of_its_clause() {
    for (text, kept) in [
        ("password=table server, query", "password=***, query"),
        ("password=(table, server) query", "password=(***, ***) query"),
        ("password=((table) server) query", "password=((***) ***) query"),
        ("password=[table; server] query", "password=[***; ***] query"),
        ("password={table} query", "password={***} query"),
        ("(password=table) query", "(password=***) query"),
        ("password=table; server=3", "password=***; server=3"),
        ("password=table; server", "password=***; ***"),
        ("password=table;", "password=***;"),
        ("<password>table<query> server", "<password>***<query> server"),
        ("password: table server", "password: ***"),
        ("password=(42) query", "password=(***) query"),
        ("password=SELECT, server 42", "password=***, server 42"),
        ("Cookie: table=server; query, (failed) query", "Cookie: ***=***; ***, (***) ***"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn what_is_said_of_a_key_goes_to_where_the_part_of_the_sentence_ends() {
    for (text, kept) in [
        ("password is table server failed", "password is ***"),
        ("password is table, server failed", "password is ***, server failed"),
        ("password is table: server failed", "password is ***: server failed"),
        ("password is table. server failed", "password is ***. server failed"),
        ("password is table (server failed)", "password is *** (server failed)"),
        ("(password is table) server failed", "(password is ***) server failed"),
        ("password is (table, server) failed", "password is (***, ***) failed"),
        ("password is 5 server failed", "password is *** server failed"),
        ("token is bearer 5 (server)", "token is *** (server)"),
        ("Bearer 5 server", "Bearer ***"),
        ("server:table failed", "server:table failed"),
        ("size=5 Server failed", "size=5 *** failed"),
        ("error=server failed", "error=server failed"),
        ("mode=server failed", "mode=*** failed"),
        ("password is not table", "password is not ***"),
        ("password is because server failed", "password is because server failed"),
        ("server --password table server", "server --password *** server"),
        ("server --query table server", "server --query table server"),
        ("server - password table server", "server - password table server"),
        ("user Server:table failed", "user ***:*** failed"),
        ("user Server :table failed", "user *** :table failed"),
        ("Bearer table server", "Bearer *** server"),
        // A word that says something about the key is no value of it.
        ("password accepted", "password accepted"),
        ("password at 'server'", "password at '***'"),
        ("password is", "password is"),
        ("password server", "password ***"),
        ("password server failed", "password server failed"),
        // Names are written large.
        ("user server failed", "user server failed"),
        ("user Server failed", "user *** failed"),
        ("user TCP failed", "user *** failed"),
        ("user OK failed", "user OK failed"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn a_value_that_is_still_to_come_goes_on_the_next_line() {
    for (text, kept) in [
        ("password=\nserver failed", "password=\n***"),
        ("password=table\nserver failed", "password=***\nserver failed"),
        ("password is\nserver failed", "password is\n***"),
        ("password is table\nserver failed", "password is ***\nserver failed"),
        ("Cookie:\nserver failed", "Cookie:\n***"),
        ("size=\nserver failed", "size=\nserver failed"),
        ("SELECT\n42", "SELECT\n***"),
        ("server\n42", "server\n42"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn rows_stand_in_brackets_behind_what_says_so() {
    for (text, kept) in [
        ("values (server, table) failed", "values (***, ***) failed"),
        ("value is (server) failed", "value is (***) failed"),
        ("value server (table) failed", "value server (table) failed"),
        ("server is (table) failed", "server is (table) failed"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn a_number_is_kept_beside_others_only_where_it_is_a_code() {
    for (text, kept) in [
        ("error 1064 (12345) failed", "error 1064 (12345) failed"),
        ("error 1064, 12345 failed", "error ***, *** failed"),
        ("error 42 'server'", "error 42 '***'"),
        ("error: 42 'server'", "error: 42 '***'"),
        ("error, 42 'server'", "error, *** '***'"),
        ("server 42 'server'", "server *** '***'"),
        // In a statement it is a value: behind `select`, and behind another verb in capitals.
        ("select server, failed 42", "select server, failed ***"),
        ("UPDATE server, failed 42", "UPDATE server, failed ***"),
        ("update server, failed 42", "update server, failed 42"),
        ("failed 5 (12345) failed", "failed *** (***) failed"),
        ("SELECT failed: error 42 (12345)", "SELECT failed: error *** (***)"),
        ("size=42 failed", "size=42 failed"),
        ("size=5ms failed", "size=*** failed"),
        ("'server'=42 failed", "'***'=*** failed"),
        // A key, whichever the equals sign.
        ("failed 5= failed", "failed ***= ***"),
        ("failed 5\u{ff1d} failed", "failed ***\u{ff1d} ***"),
        ("failed 5 Server", "failed 5 Server"),
        ("failed 5 grant", "failed 5 grant"),
        ("failed 5 Grant", "failed ***"),
        // Behind an option for a user, and only there, a name follows.
        ("server u table failed", "server u table failed"),
        ("server -3 table failed", "server -3 table failed"),
        ("server -u table failed", "server -*** failed"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn a_sqlstate_is_one_where_it_is_said_to_be() {
    for (text, kept) in [
        ("SQLSTATE 42P01", "SQLSTATE 42P01"),
        ("SQLSTATE: 42P01", "SQLSTATE: 42P01"),
        ("SQLSTATE=42P01", "SQLSTATE=42P01"),
        ("SELECT failed: SQLSTATE 42000", "SELECT failed: SQLSTATE 42000"),
        ("SELECT failed: error 42", "SELECT failed: error ***"),
        ("SELECT failed: SQLSTATE 12345", "SELECT failed: SQLSTATE ***"),
        ("SELECT failed (42000)", "SELECT failed (***)"),
        ("SQLSTATE 12345 'server'", "SQLSTATE 12345 '***'"),
        ("'server' (42000) failed", "'***' (42000) failed"),
        ("'server' (12345) failed", "'***' (***) failed"),
        ("'server' 42000 failed", "'***' *** failed"),
        ("'server' (42000 failed)", "'***' (*** failed)"),
        ("'server' (failed 42000) 'server'", "'***' (failed ***) '***'"),
        ("failed (42P01)", "failed (42P01)"),
        ("failed [42P01]", "failed [42P01]"),
        ("server 42P01 failed", "server *** failed"),
        ("failed (42P01 server)", "failed (*** server)"),
        ("failed (42P01 )", "failed (*** )"),
        ("failed ( 42P01)", "failed ( ***)"),
        ("SQLSTATE QQ001", "SQLSTATE ***"),
        ("password=42P01", "password=***"),
    ] {
        assert_eq!(sanitize(text, &TextRules::default()), kept);
    }
}

#[test]
fn time_is_linear_in_the_text() {
    for hard in HARD {
        let text = hard.repeat(32 * 1024 / hard.len());
        let steps = steps(&text);
        assert!(
            steps > 0 && steps <= 6 * text.len() as u64,
            "{hard:?}: {steps} steps for {} bytes",
            text.len()
        );
    }
}

#[test]
fn an_authors_own_words_and_packages_are_kept() {
    let rules = |level| TextRules::new(level, &["Photonix", "widget9"], &["com.acme.driver"]).unwrap();
    let text = "photonix WIDGET9 gadgetron\n\tat com.acme.driver.Wire.read(Wire.java:12)\n\tat com.acme.other.X.y(X.java:1)";
    assert_eq!(
        sanitize(text, &rules(TextLevel::Message)),
        "photonix WIDGET9 ***\n    at com.acme.driver.Wire.read(Wire.java:12)\n    at ***"
    );
    let frames = "    at com.acme.driver.Wire.read(Wire.java:12)\n    at ***";
    assert_eq!(sanitize(text, &rules(TextLevel::Frames)), frames);
    assert_eq!(sanitize(text, &rules(TextLevel::None)), "");
}

#[test]
fn a_name_behind_what_went_goes_at_once_and_not_when_the_text_is_sanitized_again() {
    for (text, kept) in
        [("Bearer 30s Long frob shower", "Bearer *** shower"), ("timeout=bearer But so", "timeout=*** so")]
    {
        let once = sanitize(text, &TextRules::default());
        assert_eq!((once.as_str(), sanitize(&once, &TextRules::default()).as_str()), (kept, kept));
    }
}
