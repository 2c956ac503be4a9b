//! A browser without a window, driven by the WebDriver protocol.
//!
//! Chromium and its driver are Debian's packages `chromium` and `chromium-driver`;
//! axe-core is fetched by `npm`. Where one of them is missing, the tests of modules
//! named `needs_chromium` are skipped with the reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use ureq::Agent;

/// What WebDriver calls an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long a test waits for what has to happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser. Ends when dropped.
pub struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
}

/// The place of axe-core's script: `AXE_CORE`, or where the gate puts it.
#[must_use]
pub fn axe_core() -> PathBuf {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/axe/node_modules/axe-core/axe.min.js");
    std::env::var_os("AXE_CORE").map_or(fetched, PathBuf::from)
}

impl Browser {
    /// Starts a browser that finds this machine under another host as well.
    ///
    /// # Panics
    /// If it does not start: a test cannot go on. The same holds for everything here.
    #[must_use]
    pub fn start(host: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let output = driver.stdout.take().expect("its output");
        let port = BufReader::new(output)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says its port");
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .into();
        let mut browser = Self {
            driver,
            agent,
            session: format!("http://127.0.0.1:{port}/session"),
        };
        // Within a container there is neither a sandbox nor much shared memory; what
        // is opened is the test's own.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-proxy-server",
            &format!("--host-resolver-rules=MAP {host} 127.0.0.1"),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments },
        } } });
        let made = browser.command("", Some(&wanted));
        let id = made["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    fn command(&self, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.session);
        let sent = match body {
            Some(body) => self
                .agent
                .post(&url)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
            None => self.agent.get(&url).call(),
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = response.body_mut().read_to_string().unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        assert!(response.status().is_success(), "{path}: {text}");
        body["value"].clone()
    }

    /// A command of Chromium's own protocol.
    pub fn chromium(&self, command: &str, parameters: &Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.command("/goog/cdp/execute", Some(&body));
    }

    /// Shows pages as on a screen of this width, in light or dark colours.
    pub fn look(&self, width: u32, colours: &str) {
        let screen = json!({
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.chromium("Emulation.setDeviceMetricsOverride", &screen);
        let feature = json!({ "name": "prefers-color-scheme", "value": colours });
        let media = json!({ "features": [feature] });
        self.chromium("Emulation.setEmulatedMedia", &media);
    }

    /// Opens an address.
    pub fn open(&self, url: &str) {
        self.command("/url", Some(&json!({ "url": url })));
    }

    /// The address of the page that is shown.
    #[must_use]
    pub fn address(&self) -> String {
        let address = self.command("/url", None);
        address.as_str().unwrap_or_default().to_owned()
    }

    /// What a script returns, run by the test and not by the page.
    #[must_use]
    pub fn script(&self, script: &str) -> Value {
        let body = json!({ "script": script, "args": [] });
        self.command("/execute/sync", Some(&body))
    }

    /// The text of the page.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.script("return document.body.innerText");
        text.as_str().unwrap_or_default().to_owned()
    }

    fn element(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.command("/element", Some(&wanted));
        found[ELEMENT].as_str().unwrap_or_default().to_owned()
    }

    /// Presses what this selector finds.
    pub fn click(&self, selector: &str) {
        let path = format!("/element/{}/click", self.element(selector));
        self.command(&path, Some(&json!({})));
    }

    /// Types into what this selector finds; `\u{e007}` is the enter key.
    pub fn enter(&self, selector: &str, text: &str) {
        let path = format!("/element/{}/value", self.element(selector));
        self.command(&path, Some(&json!({ "text": text })));
    }

    /// Presses keys where the focus is, such as `\u{e004}` for the tabulator.
    pub fn press(&self, keys: &str) {
        let keys: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keys", "actions": keys }] });
        self.command("/actions", Some(&body));
    }

    /// Waits until the page has this text.
    pub fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            let shown = self.text();
            assert!(Instant::now() < deadline, "{text:?} is not in {shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What axe-core finds wrong with the page, in words; empty if nothing.
    #[must_use]
    pub fn violations(&self) -> String {
        let axe = fs::read_to_string(axe_core()).expect("axe-core");
        let _ = self.script(&format!("{axe}; return null"));
        let body = json!({
            "script": "const done = arguments[0]; axe.run().then(\
                found => done(found.violations.map(one => one.id + ': ' + one.help + ' at '\
                    + one.nodes.map(node => node.html).join(' ')).join('\\n')),\
                error => done('axe-core failed: ' + error));",
            "args": [],
        });
        let found = self.command("/execute/async", Some(&body));
        found.as_str().unwrap_or("no response").to_owned()
    }

    /// Writes a picture of the whole page beside the build's results, for whoever
    /// wants to look.
    pub fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
        fs::create_dir_all(&folder).expect("a folder for pictures");
        let picture = self.command("/screenshot", None);
        let picture = STANDARD
            .decode(picture.as_str().unwrap_or_default())
            .expect("a picture");
        fs::write(folder.join(format!("{name}.png")), picture).expect("a file");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser; it may be gone already.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
