//! 20 MiB of records.

use std::fmt::Write;
use std::time::Duration;

use crate::chromium::Page;
use crate::common::{Folder, View, dry_run_line, statement, text};

const RECORDS: u64 = 20_000;

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn twenty_mebibytes_open_within_a_second_and_scroll() {
    let folder = Folder::new();
    let mut lines = String::new();
    for batch in 0..RECORDS / 100 {
        let records: Vec<_> = (0..100)
            .map(|place| {
                let mut record = statement(batch * 100 + place, (batch * 7919 + place * 31) % 5000);
                record["entry"]["sql_driver_log"]["system_configuration"] =
                    serde_json::json!({"driver_name": "Example Driver", "os_version": "x".repeat(520)});
                record
            })
            .collect();
        write!(lines, "{}", dry_run_line(&records)).unwrap();
    }
    assert!(lines.len() > 20 * 1024 * 1024, "{}", lines.len());
    let file = folder.write("file", &lines);
    let began = std::time::Instant::now();
    let view = View::start(&[text(&file)]);
    view.until("state", |state| state["records"] == RECORDS);
    let read = began.elapsed();

    let opening = std::time::Instant::now();
    let mut page = Page::open(&view, "statements");
    page.until("document.querySelectorAll('#statements-list .row').length > 10");
    let with_browser = opening.elapsed();
    page.call("Page.reload", serde_json::json!({}));
    let reloaded = page.until("document.querySelectorAll('#statements-list .row').length > 10 && document.body.innerText.includes('20,000 lines')");
    assert!(reloaded < Duration::from_secs(1), "{reloaded:?}");

    // Only what can be seen is there, wherever one looks.
    let rows = "document.querySelector('#statements-list .rows')";
    for share in [0.5, 1.0, 0.25] {
        page.evaluate(&format!("{rows}.scrollTop = ({rows}.scrollHeight - {rows}.clientHeight) * {share}"));
        let place = format!("Math.floor({rows}.scrollTop / 28) + 3");
        let moved = page.until(&format!("document.querySelector(`[data-place=\"${{{place}}}\"]`) !== null"));
        assert!(moved < Duration::from_millis(500), "{share}: {moved:?}");
        assert!(page.evaluate("document.querySelectorAll('.row').length").as_u64().unwrap() < 200);
    }
    page.evaluate(&format!("{rows}.scrollTop = {rows}.scrollHeight"));
    page.until("document.querySelector('[data-place=\"19999\"]') !== null");
    // No step of a wheel holds the page up.
    let wheel = format!(
        "(async () => {{ let longest = 0; for (let step = 0; step < 100; step += 1) {{ \
         const before = performance.now(); {rows}.scrollTop -= 120; \
         await new Promise((resolve) => requestAnimationFrame(resolve)); \
         longest = Math.max(longest, performance.now() - before); }} return longest; }})()"
    );
    let longest = page.evaluate(&wheel).as_f64().unwrap();
    assert!(longest < 500.0, "{longest} ms");
    let searched = {
        page.evaluate("const search = document.getElementById('statements-search'); search.value = 'statement-12345'; search.dispatchEvent(new Event('input'))");
        page.until("document.querySelectorAll('#statements-list .row').length === 1")
    };
    println!("read in {read:?}, opened with the browser in {with_browser:?}, again in {reloaded:?}");
    println!("the longest step of the wheel {longest:.0} ms, found in {searched:?}");
    assert!(read < Duration::from_secs(5), "{read:?}");
}
