//! The demonstration shop as visitors meet it: a process of its own, started in a folder, and killed when its value is dropped.

use std::{
    io::Read as _,
    marker::PhantomData,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::OnceLock,
};

pub use crate::program::PATIENCE;
use crate::program::{Program, executable, folders, quiet, wait};

/// How the shop was built.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// With the README's command.
    AsInReadme,
    /// With the features that some stores need.
    WithAll,
    /// The shop with actix-web.
    Actix,
}

/// The framework that a shop is made with.
pub trait Framework {
    const BUILD: Build;
}

/// The shop with axum, `shop`.
pub struct Axum;

/// The shop with actix-web, `shop-actix`.
pub struct Actix;

impl Framework for Axum {
    const BUILD: Build = Build::AsInReadme;
}

impl Framework for Actix {
    const BUILD: Build = Build::Actix;
}

/// A running shop.
pub struct Shop<F>(Program, PhantomData<F>);

impl<F: Framework> Shop<F> {
    /// Starts the shop in `folder`, at an address of its own.
    pub fn open(folder: &Path) -> Self {
        Self::with(folder, &[], &[])
    }

    /// Starts the shop with options and environment variables.
    pub fn with(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::built(F::BUILD, folder, options, environment)
    }

    /// Starts a shop that must fail to open, and returns its exit code and its output.
    pub fn refuses(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        F::BUILD.refuses(folder, options, environment)
    }

    fn built(build: Build, folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = build.command(folder, environment);
        let given = options.contains(&"--addr");
        let addr: &[&str] = if given { &[] } else { &["--addr", "127.0.0.1:0"] };
        Self(Program::start(command.args(addr).args(options)), PhantomData)
    }

    /// Kills the shop (`kill -9`).
    pub fn kill(self) {
        self.0.kill();
    }

    /// Waits until the shop has closed by itself.
    pub fn closed(self) -> ExitStatus {
        self.0.closed()
    }
}

impl Shop<Axum> {
    /// Starts the shop with a store at this URL, which may need a feature.
    pub fn on(folder: &Path, url: &str, environment: &[(&str, &str)]) -> Self {
        Self::built(Build::WithAll, folder, &["--store", url], environment)
    }
}

impl<F> Deref for Shop<F> {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.0
    }
}

impl Build {
    /// Starts a shop that must fail to open, and returns its exit code and its output.
    pub fn refuses(self, folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        let mut child = self.command(folder, environment).args(options).spawn().unwrap();
        let Some(status) = wait(&mut child) else {
            child.kill().unwrap();
            panic!("the shop opened with {options:?} {environment:?}");
        };
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code().unwrap(), said)
    }

    fn command(self, folder: &Path, environment: &[(&str, &str)]) -> Command {
        let mut command = quiet(self.binary());
        command.current_dir(folder).env_remove("SESSION_KEYS").envs(environment.iter().copied());
        command
    }

    /// Builds the shop, if necessary.
    fn binary(self) -> &'static Path {
        static BINARIES: [OnceLock<PathBuf>; 3] = [const { OnceLock::new() }; 3];
        BINARIES[self as usize].get_or_init(|| match self {
            Self::AsInReadme => executable("shop", |_| ()),
            Self::WithAll => executable("shop", |build| {
                // Shares the intermediate files of the other build, but writes its program to a folder that no other build uses.
                let [target, parts] = folders();
                build.args(["--features", "redis-tls,sqlite,postgres,mysql"]);
                build.arg("--target-dir").arg(target.join("shop-with-all")).env("CARGO_BUILD_BUILD_DIR", parts);
            }),
            Self::Actix => executable("shop-actix", |build| {
                build.args(["--features", "actix"]);
            }),
        })
    }
}
