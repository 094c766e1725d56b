//! A minimal editor: it opens one file in rust-analyzer, and sends JSON requests about positions in it.

use std::{
    collections::HashMap,
    fs,
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the test waits for a message. It is long, because rust-analyzer first builds the derive.
const PATIENCE: Duration = Duration::from_secs(600);

/// A position in the text, counted from zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) line: u64,
    character: u64,
}

impl Place {
    /// Returns the position after the first `text`, moved by this many characters.
    pub(crate) fn after(whole: &str, text: &str, by: isize) -> Self {
        let end = whole.find(text).unwrap_or_else(|| panic!("no {text}")) + text.len();
        let end = end.checked_add_signed(by).unwrap();
        let before = &whole[..end];
        let line = before.matches('\n').count() as u64;
        Self { line, character: before.rsplit('\n').next().unwrap().len() as u64 }
    }

    fn json(self) -> Value {
        json!({ "line": self.line, "character": self.character })
    }
}

/// A crate that is open in an editor.
pub(crate) struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    asked: u64,
    version: u64,
    file: PathBuf,
    text: String,
    _folder: TempDir,
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Editor {
    /// Opens a crate with this code, and waits until the server has analysed it.
    pub(crate) fn open(code: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let file = make(folder.path(), code);
        let program = std::env::var_os("RUST_ANALYZER").unwrap_or("rust-analyzer".into());
        let mut server = Command::new(program)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rust-analyzer is installed by `rustup component add rust-analyzer rust-src`");
        let (input, output) = (server.stdin.take().unwrap(), server.stdout.take().unwrap());
        let (sender, messages) = mpsc::channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let text = code.to_owned();
        let mut editor = Self { server, input, messages, asked: 0, version: 0, file, text, _folder: folder };
        editor.begin();
        editor
    }

    fn begin(&mut self) {
        let root = uri(self.file.parent().unwrap().parent().unwrap());
        self.ask(
            "initialize",
            json!({
                "processId": std::process::id(),
                "rootUri": root,
                "workspaceFolders": [{ "uri": root, "name": "subject" }],
                "capabilities": {
                    "textDocument": {
                        "completion": { "completionItem": { "resolveSupport": { "properties": ["documentation"] } } },
                        "hover": { "contentFormat": ["markdown"] },
                    },
                    "experimental": { "serverStatusNotification": true },
                },
                "initializationOptions": {
                    "checkOnSave": false,
                    "cachePriming": { "enable": false },
                    "cargo": { "buildScripts": { "enable": true } },
                    "procMacro": { "enable": true },
                    "completion": { "autoimport": { "enable": false }, "limit": null },
                },
            }),
        );
        self.tell("initialized", json!({}));
        let document = json!({ "uri": uri(&self.file), "languageId": "rust", "version": 0, "text": self.text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
        let quiescent = |message: &Value| {
            message["method"] == "experimental/serverStatus" && message["params"]["quiescent"] == json!(true)
        };
        let status = self.wait(quiescent);
        assert_ne!(status["params"]["health"], "error", "{status}");
    }

    /// Replaces the text.
    pub(crate) fn change(&mut self, text: &str) {
        self.version += 1;
        self.text = text.to_owned();
        let document = json!({ "uri": uri(&self.file), "version": self.version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
    }

    /// Returns the names of the completions.
    pub(crate) fn completions(&mut self, at: Place) -> Vec<String> {
        self.items(at).iter().map(|item| name(item).to_owned()).collect()
    }

    /// Returns the documentation of one completion.
    pub(crate) fn documentation(&mut self, at: Place, wanted: &str) -> String {
        let item = self.items(at).into_iter().find(|item| name(item) == wanted).unwrap();
        self.ask("completionItem/resolve", item)["documentation"]["value"].as_str().unwrap_or_default().to_owned()
    }

    fn items(&mut self, at: Place) -> Vec<Value> {
        let answer = self.ask_at("textDocument/completion", at, json!({}));
        let items = if answer.is_array() { &answer } else { &answer["items"] };
        items.as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn hover(&mut self, at: Place) -> String {
        self.ask_at("textDocument/hover", at, json!({}))["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the lines of this file on which the item is defined.
    pub(crate) fn definitions(&mut self, at: Place) -> Vec<u64> {
        let answer = self.ask_at("textDocument/definition", at, json!({}));
        let places = answer.as_array().cloned().unwrap_or_default();
        let ours = |place: &&Value| place["uri"] == uri(&self.file);
        let mut lines: Vec<_> =
            places.iter().filter(ours).map(|place| place["range"]["start"]["line"].as_u64().unwrap()).collect();
        lines.dedup();
        lines
    }

    /// Returns the text after a rename.
    pub(crate) fn rename(&mut self, at: Place, to: &str) -> String {
        let answer = self.ask_at("textDocument/rename", at, json!({ "newName": to }));
        let by_file: HashMap<String, Value> = serde_json::from_value(answer["changes"].clone()).unwrap_or_default();
        let changed = answer["documentChanges"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["textDocument"]["uri"] == uri(&self.file));
        let edits = by_file.get(&uri(&self.file)).or(changed.map(|one| &one["edits"])).and_then(Value::as_array);
        let mut edits = edits.cloned().unwrap_or_else(|| panic!("no rename: {answer}"));
        let at = |edit: &Value, end: &str| {
            let (line, character) = (&edit["range"][end]["line"], &edit["range"][end]["character"]);
            let lines = self.text.split_inclusive('\n').take(line.as_u64().unwrap() as usize);
            lines.map(str::len).sum::<usize>() + character.as_u64().unwrap() as usize
        };
        edits.sort_by_key(|edit| std::cmp::Reverse(at(edit, "start")));
        edits.iter().fold(self.text.clone(), |mut text, edit| {
            text.replace_range(at(edit, "start")..at(edit, "end"), edit["newText"].as_str().unwrap());
            text
        })
    }

    fn ask_at(&mut self, method: &str, at: Place, more: Value) -> Value {
        let mut question = json!({ "textDocument": { "uri": uri(&self.file) }, "position": at.json() });
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(method, question)
    }

    /// Sends a request and returns the answer; sends it again while the server says that the content was modified.
    fn ask(&mut self, method: &str, question: Value) -> Value {
        loop {
            self.asked += 1;
            let id = self.asked;
            self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": question }));
            let mut answer = self.wait(|message| message["id"] == json!(id) && message.get("method").is_none());
            match answer["error"]["code"].as_i64() {
                None => return answer["result"].take(),
                Some(-32801) => {} // content modified
                Some(_) => panic!("{method}: {}", answer["error"]),
            }
        }
    }

    fn tell(&mut self, method: &str, what: Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": what }));
    }

    fn send(&mut self, message: &Value) {
        let message = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{message}", message.len()).unwrap();
        self.input.flush().unwrap();
    }

    /// Returns the first message that matches. The server's own requests get an empty answer.
    fn wait(&mut self, meant: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("rust-analyzer answers");
            if meant(&message) {
                return message;
            }
            if message.get("method").is_some() && message.get("id").is_some() {
                self.send(&json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
            }
        }
    }
}

/// Returns the text that a completion inserts, without the `(…)` that some labels have.
fn name(item: &Value) -> &str {
    let label = item["filterText"].as_str().or(item["label"].as_str()).unwrap_or_default();
    label.split(['(', ' ']).next().unwrap_or_default()
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Creates a crate with this code and with the dependencies of this repository's `Cargo.lock`.
fn make(folder: &Path, code: &str) -> PathBuf {
    let here = env!("CARGO_MANIFEST_DIR");
    let manifest = format!(
        "[package]\nname = \"subject\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n\
         session-runtime = {{ path = \"{here}/../session-runtime\" }}\n\n[workspace]\n"
    );
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(Path::new(here).join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let file = folder.join("src/lib.rs");
    fs::write(&file, code).unwrap();
    file
}

/// Reads one message.
fn read(output: &mut impl std::io::BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", number)) => length = number.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut message = vec![0; length];
    output.read_exact(&mut message).ok()?;
    serde_json::from_slice(&message).ok()
}
