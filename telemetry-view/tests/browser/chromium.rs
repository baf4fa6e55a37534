//! A browser, spoken to over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Folder, NET, View};

/// A page in a browser of its own, which ends with it.
pub(crate) struct Page {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    next: u64,
    /// What the page's console said, and what its policy forbade.
    pub(crate) said: Vec<Value>,
    _profile: Folder,
}

impl Page {
    /// Opens the page of a view, at one of its views.
    pub(crate) fn open(view: &View, at: &str) -> Page {
        let browser = std::env::var("CHROMIUM").expect("CHROMIUM names the browser: bash .ci/browser");
        let profile = Folder::new();
        // The protocol's pipe is file descriptors 3 and 4, which the shell makes of its own input and output.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, &browser])
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--remote-debugging-pipe",
            ])
            .arg("--disable-dev-shm-usage")
            .arg(format!("--user-data-dir={}", profile.path("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sends, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while output.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                if serde_json::from_slice(&message).is_ok_and(|value: Value| sends.send(value).is_ok()) {
                    message.clear();
                } else {
                    break;
                }
            }
        });
        let session = String::new();
        let mut page =
            Page { child, commands, messages, session, next: 0, said: Vec::new(), _profile: profile };
        let target =
            page.call("Target.createTarget", json!({"url": "about:blank", "width": 1280, "height": 800}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        page.session = page.call("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        page.size(1280, 800);
        page.call("Page.navigate", json!({"url": format!("http://{}{}#{at}", view.host(), view.path)}));
        page.until(
            "document.readyState === 'complete' && document.querySelector('nav a[aria-current]') !== null",
        );
        page
    }

    pub(crate) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.messages.recv_timeout(NET).unwrap_or_else(|_| panic!("no answer to {method}"));
            if answer["id"] == id {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].clone();
            }
            let event = answer["method"].as_str().unwrap_or_default();
            if matches!(event, "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" | "Log.entryAdded") {
                self.said.push(answer["params"].clone());
            }
        }
    }

    /// The value of an expression, or of the promise that it is.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", parameters);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// How long it took until an expression held.
    pub(crate) fn until(&mut self, expression: &str) -> Duration {
        let begin = Instant::now();
        while self.evaluate(expression) != json!(true) {
            if begin.elapsed() > NET {
                let text = self.evaluate("document.body.innerText");
                panic!("never: {expression}\n{text}\n{:?}", self.said);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        begin.elapsed()
    }

    /// All text that can be seen.
    pub(crate) fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().unwrap().to_owned()
    }

    /// Whether this text is to be seen, or soon will be; and after how long.
    pub(crate) fn sees(&mut self, text: &str) -> Duration {
        self.until(&format!("document.body.innerText.includes({})", json!(text)))
    }

    pub(crate) fn go(&mut self, view: &str) {
        self.evaluate(&format!("location.hash = {}", json!(view)));
        self.until(&format!("!document.getElementById('view-{view}').hidden"));
    }

    pub(crate) fn key(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && key == "Enter" {
                event["text"] = json!("\r");
            }
            if kind == "keyDown" && key == " " {
                event["text"] = json!(" ");
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    pub(crate) fn size(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    pub(crate) fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// A picture into the documentation, where that is to be written anew.
    pub(crate) fn picture(&mut self, name: &str) {
        if std::env::var_os("UPDATE_DOCS").is_none() {
            return;
        }
        let picture = self.call("Page.captureScreenshot", json!({"format": "png"}));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/view").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, from_base64(picture["data"].as_str().unwrap())).unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It ends when its pipe does; what it has started ends with it.
        _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let end = Instant::now() + Duration::from_secs(5);
        while self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            if Instant::now() > end {
                _ = self.child.kill();
                _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter_map(|byte| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        })
    });
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}
