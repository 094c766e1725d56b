//! An application in a process of its own, or its framework's bare handler.

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::unistd::Pid;

use super::processor;
use crate::{
    contestants::Framework,
    kept::{Kept, Store},
    serve::serve,
};

/// The application or bare handler that is served.
#[derive(Clone, Copy)]
pub enum Subject {
    Bare(Framework),
    Of(&'static Kept),
}

impl Subject {
    pub fn name(self) -> String {
        match self {
            Self::Bare(framework) => format!("bare {}", framework.package()),
            Self::Of(kept) => kept.name.to_owned(),
        }
    }

    pub fn framework(self) -> Framework {
        match self {
            Self::Bare(framework) => framework,
            Self::Of(kept) => kept.framework,
        }
    }
}

/// Serves one application over HTTP. Runs in a process of its own.
pub fn run(name: &str, store: &str, url: &str) {
    let store = Store::ALL.into_iter().find(|of| of.name() == store).unwrap();
    let bare = Framework::ALL.into_iter().find(|framework| Subject::Bare(*framework).name() == name);
    let kept = store.kept().iter().find(|kept| kept.name == name);
    let open = kept.and_then(|kept| kept.open);
    serve(async {
        match (bare, open) {
            (Some(framework), _) => framework.bare(),
            (None, Some(open)) => open(url.to_owned()).await,
            (None, None) => panic!("there is no contestant {name}"),
        }
    })
    .unwrap();
}

/// The process of an application. Dropping this value ends the process.
pub struct Served {
    process: Child,
    pub port: u16,
}

impl Served {
    pub fn start(subject: Subject, store: Store, url: &str) -> Self {
        let here = env::current_exe().unwrap();
        let mut command = match subject {
            Subject::Of(Kept { open: None, .. }) => Command::new(here.with_file_name("peers-older")),
            _ => {
                let mut command = Command::new(here);
                command.arg("served");
                command
            }
        };
        command.args([&subject.name(), store.name(), url]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port =
            line.trim().parse().unwrap_or_else(|_| panic!("{} on {} did not start", subject.name(), store.name()));
        Self { process, port }
    }

    /// Returns the processor time that the process has taken so far.
    pub fn processor_time(&self) -> Duration {
        processor::of(Pid::from_raw(self.process.id().cast_signed()))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
