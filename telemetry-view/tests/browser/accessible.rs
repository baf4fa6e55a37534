//! By keyboard alone, and with colours that can be told apart.

use serde_json::{Value, json};

use crate::chromium::Page;
use crate::common::{Folder, View, dry_run_line, statement, text};

const TAB: u32 = 9;
const ENTER: u32 = 13;

fn view(folder: &Folder, records: u64) -> View {
    let mut last = statement(records, 3);
    last["entry"]["sql_driver_log"]["error_info"] = json!({"error_name": "LAST_ONE"});
    let lines: Vec<Value> = (0..records).map(|number| statement(number, number)).chain([last]).collect();
    let file = folder.write("file", &dry_run_line(&lines));
    let view = View::start(&[text(&file)]);
    view.until("state", |state| state["records"] == records + 1);
    view
}

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn all_of_it_can_be_reached_by_keyboard() {
    let folder = Folder::new();
    let view = view(&folder, 300);
    let mut page = Page::open(&view, "now");
    page.sees("LAST_ONE");
    let focused = "(document.activeElement.textContent || document.activeElement.id).slice(0, 40)";
    let mut seen = Vec::new();
    for _ in 0..7 {
        page.key("Tab", TAB);
        seen.push(page.evaluate(focused).as_str().unwrap().to_owned());
    }
    assert_eq!(seen, ["Skip to the view", "Now", "Requests", "Statements", "Fields", "Books", "Try"]);
    // What has the focus can be seen.
    assert_eq!(page.evaluate("getComputedStyle(document.activeElement).outlineStyle"), "solid");
    page.evaluate("document.querySelector('nav a[href=\"#statements\"]').focus()");
    page.key("Enter", ENTER);
    page.until("document.querySelectorAll('#statements-list .row').length > 10");
    // Behind the other links, the choice and the search is the list.
    for _ in 0..6 {
        page.key("Tab", TAB);
    }
    assert_eq!(page.evaluate("document.activeElement.getAttribute('role')"), "listbox");
    let active = "Number(document.querySelector('.row.active')?.dataset.place ?? -1)";
    for (key, code, place) in
        [("ArrowDown", 40, 0), ("ArrowDown", 40, 1), ("ArrowUp", 38, 0), ("End", 35, 300), ("Home", 36, 0)]
    {
        page.key(key, code);
        page.until(&format!("{active} === {place}"));
    }
    page.key("PageDown", 34);
    page.until(&format!("{active} > 5"));
    let named = "document.activeElement.getAttribute('aria-activedescendant') === document.querySelector('.row.active').id";
    assert_eq!(page.evaluate(named), true);
    let in_sight = "(() => { const row = document.querySelector('.row.active').getBoundingClientRect(); \
                    const list = document.activeElement.getBoundingClientRect(); \
                    return row.top >= list.top && row.bottom <= list.bottom + 1; })()";
    assert_eq!(page.evaluate(in_sight), true);
    page.key("Home", 36);
    page.until(&format!("{active} === 0"));
    page.key("Enter", ENTER);
    page.until("document.getElementById('detail').open");
    page.sees("LAST_ONE");
    page.key("Escape", 27);
    page.until("!document.getElementById('detail').open");
    assert_eq!(page.evaluate("document.activeElement.getAttribute('role')"), "listbox");
}

/// All texts whose contrast with what is behind them is less than WCAG AA wants.
const FAINT: &str = r"(() => {
  const parts = (colour) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
  };
  const faint = [];
  let looked = 0;
  for (const node of document.querySelectorAll('body *')) {
    const text = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim() !== '');
    if (!text || node.getClientRects().length === 0) continue;
    const style = getComputedStyle(node);
    const colour = parts(node.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [one, other] = [light(colour), light(behind(node))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    looked += 1;
    if (ratio < 4.5) faint.push(`${node.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  // Shapes that mean something, of which 3 to 1 is wanted.
  for (const node of document.querySelectorAll('svg rect')) {
    const [one, other] = [light(parts(getComputedStyle(node).fill)), light(behind(node.closest('svg')))].sort((a, b) => b - a);
    looked += 1;
    if ((one + 0.05) / (other + 0.05) < 3) faint.push(`a shape ${node.getAttribute('class')}`);
  }
  return { faint: [...new Set(faint)], looked };
})()";

#[test]
#[ignore = "needs a browser: bash .ci/browser"]
fn every_text_stands_out_in_light_and_in_dark() {
    let folder = Folder::new();
    let file = view(&folder, 3);
    let listening = View::start(&["--listen"]);
    let mut pages = [Page::open(&file, "now"), Page::open(&listening, "try")];
    for dark in [false, true] {
        for (page, views) in
            pages.iter_mut().zip([&["now", "requests", "statements", "fields", "books"][..], &["try"]])
        {
            page.dark(dark);
            for at in views {
                page.go(at);
                page.until(&format!("document.getElementById('view-{at}').innerText.length > 100"));
                if matches!(*at, "requests" | "statements") {
                    page.until(&format!("document.querySelector('#{at}-list .row') !== null"));
                    page.evaluate(&format!("document.querySelector('#{at}-list .row').click()"));
                    page.until("document.getElementById('detail').open");
                }
                let found = page.evaluate(FAINT);
                assert_eq!(found["faint"], json!([]), "{at}, dark: {dark}");
                assert!(found["looked"].as_u64().unwrap() > 10, "{at}");
                page.evaluate("document.getElementById('detail').close()");
            }
        }
    }
    // Whoever can't see it is told what a field, a list or a chart is.
    let page = &mut pages[0];
    let nameless = "[...document.querySelectorAll('input, select, [role=listbox], [role=img], [role=region], dialog')]\
        .filter((node) => !(node.labels?.length || node.ariaLabel || node.getAttribute('aria-labelledby'))).map((node) => node.outerHTML)";
    for at in ["now", "statements", "fields"] {
        page.go(at);
        assert_eq!(page.evaluate(nameless), json!([]), "{at}");
    }
}
