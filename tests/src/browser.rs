//! Drives headless Chromium as a person would. The browser and its driver belong to the test, and end with it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use base64ct::{Base64, Encoding as _};
use fantoccini::{Client, ClientBuilder, Locator, cookies::Cookie, wd::WindowHandle};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{require, shop::PATIENCE};

/// A browser with a profile of its own.
pub struct Browser {
    page: Client,
    driver: Driver,
    session: String,
    screenshots: PathBuf,
    _profile: TempDir,
}

impl Browser {
    /// Opens a browser that saves screenshots in this folder. Reports a missing program and returns `None`.
    pub async fn open(screenshots: &Path) -> Option<Self> {
        let driver = Driver::start(&require::program("chromedriver")?);
        let chromium = ["chromium", "chromium-browser", "google-chrome"];
        let installed = chromium.iter().find(|name| Path::new("/usr/bin").join(name).is_file());
        let chromium = require::program(installed.unwrap_or(&"chromium"))?;
        let profile = TempDir::new().unwrap();
        let capabilities = json!({ "goog:chromeOptions": {
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
                format!("--user-data-dir={}", profile.path().display()),
            ],
        }});
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&driver.url)
            .await
            .unwrap();
        let session = page.session_id().await.unwrap().unwrap();
        fs::create_dir_all(screenshots).unwrap();
        Some(Self { page, driver, session, screenshots: screenshots.to_owned(), _profile: profile })
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    pub async fn reload(&self) {
        self.page.refresh().await.unwrap();
    }

    /// Returns the current address, after redirects.
    pub async fn url(&self) -> String {
        self.page.current_url().await.unwrap().to_string()
    }

    /// Waits for the element that `css` selects, and returns its text.
    pub async fn text(&self, css: &str) -> String {
        self.find(css).await.text().await.unwrap()
    }

    /// Waits until the element that `css` selects has this text.
    pub async fn until(&self, css: &str, text: &str) {
        let mut last = None;
        for _ in polls() {
            // A script may replace the element meanwhile.
            if let Some(element) = self.page.find_all(Locator::Css(css)).await.unwrap().pop() {
                last = element.text().await.ok();
                if last.as_deref() == Some(text) {
                    return;
                }
            }
            tokio::time::sleep(INTERVAL).await;
        }
        panic!("`{css}` never had the text `{text}`; its last text was {last:?}");
    }

    /// Opens another tab, which has the same cookies, and switches to it.
    pub async fn open_tab(&self) {
        let tab = self.page.new_window(true).await.unwrap();
        self.page.switch_to_window(tab.handle).await.unwrap();
    }

    /// Returns the name of the current tab.
    pub async fn tab(&self) -> WindowHandle {
        self.page.window().await.unwrap()
    }

    pub async fn switch_to(&self, tab: WindowHandle) {
        self.page.switch_to_window(tab).await.unwrap();
    }

    pub async fn has(&self, css: &str) -> bool {
        !self.page.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    pub async fn attribute(&self, css: &str, name: &str) -> Option<String> {
        self.find(css).await.attr(name).await.unwrap()
    }

    /// Returns the computed style of an element.
    pub async fn style(&self, css: &str, property: &str) -> String {
        self.find(css).await.css_value(property).await.unwrap()
    }

    pub async fn write(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks an element that stays on the page, such as a checkbox.
    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap();
    }

    /// Clicks an element that loads another page, and waits for that page.
    pub async fn follow(&self, css: &str) {
        let before = self.find("html").await;
        self.find(css).await.click().await.unwrap();
        // The old page's elements become stale when the next page has loaded.
        for _ in polls() {
            if before.tag_name().await.is_err() {
                self.find("footer").await;
                return;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        panic!("a click on `{css}` led nowhere");
    }

    pub async fn script(&self, script: &str) -> Value {
        self.page.execute(script, Vec::new()).await.unwrap()
    }

    pub async fn cookies(&self) -> Vec<Cookie<'static>> {
        self.page.get_all_cookies().await.unwrap()
    }

    /// Sets the page's width in pixels. Below 500, the browser behaves like a phone's.
    pub fn resize(&self, width: u32) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 }),
        );
    }

    /// Takes a picture of the whole page.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let taken = self.devtools("Page.captureScreenshot", &json!({ "captureBeyondViewport": true }));
        let path = self.screenshots.join(name).with_extension("png");
        fs::write(&path, Base64::decode_vec(taken["data"].as_str().unwrap()).unwrap()).unwrap();
        path
    }

    pub fn screenshots(&self) -> &Path {
        &self.screenshots
    }

    async fn find(&self, css: &str) -> fantoccini::elements::Element {
        self.page.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await.unwrap()
    }

    /// Calls Chromium's own protocol, for commands that WebDriver does not offer. Tries again if the driver fails, as it does
    /// while a page is being replaced.
    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let url = format!("{}/session/{}/goog/cdp/execute", self.driver.url, self.session);
        let body = json!({ "cmd": command, "params": parameters }).to_string();
        let agent =
            ureq::Agent::config_builder().proxy(None).timeout_global(Some(PATIENCE)).http_status_as_error(false);
        let agent = agent.build().new_agent();
        let mut said = String::new();
        for _ in 0..TRIES {
            let answer = agent.post(&url).header("Content-Type", "application/json").send(&body);
            let read = answer.and_then(|mut answer| {
                let text = answer.body_mut().with_config().limit(64 << 20).read_to_string()?;
                Ok((answer.status().is_success(), text))
            });
            match read {
                Ok((true, text)) => return serde_json::from_str::<Value>(&text).unwrap()["value"].take(),
                Ok((false, text)) => said = text,
                Err(error) => said = error.to_string(),
            }
            eprintln!("the driver could not execute {command}, and said: {said}");
            thread::sleep(10 * INTERVAL);
        }
        panic!("the driver could not execute {command}, and said at last: {said}");
    }
}

/// How often a command is sent to the driver before the test fails.
const TRIES: usize = 10;
const INTERVAL: Duration = Duration::from_millis(20);

fn polls() -> std::ops::Range<u128> {
    0..PATIENCE.as_millis() / INTERVAL.as_millis()
}

/// The `chromedriver` process between the test and the browser.
struct Driver {
    child: Child,
    url: String,
}

impl Driver {
    fn start(program: &Path) -> Self {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (sender, ports) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let port = line.strip_prefix("ChromeDriver was started successfully on port ");
                if let Some(port) = port.and_then(|port| port.trim_end_matches('.').parse::<u16>().ok()) {
                    let _ = sender.send(port);
                }
            }
        });
        let mut driver = Self { child, url: String::new() };
        let port = ports.recv_timeout(PATIENCE).expect("chromedriver says where it listens");
        driver.url = format!("http://127.0.0.1:{port}");
        driver
    }
}

impl Drop for Driver {
    /// Ends the browser too; killing the driver would leave it running.
    fn drop(&mut self) {
        let agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(Duration::from_secs(10))).build();
        let _ = agent.new_agent().get(format!("{}/shutdown", self.url)).call();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
