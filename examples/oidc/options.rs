//! The command line.

use std::path::PathBuf;

use lexopt::prelude::*;

const HELP: &str = "\
An application whose users sign in at an OpenID provider.

Usage: oidc [OPTIONS]

Options:
  --addr HOST:PORT  where to listen [default: 127.0.0.1:3000]
  --issuer URL      the provider [default: a provider for demonstration, in the same process]
  --client-id ID    the application's name at the provider [default: members]
  --url URL         the application's address for browsers [default: http:// and the address that it listens on]
  --folder PATH     the folder of the database and the keys; several processes may share it [default: .oidc]
  --help            this text

Environment:
  OIDC_CLIENT_SECRET  the application's password at the provider, if it has one";

pub(crate) struct Options {
    pub(crate) addr: String,
    /// `None`: the provider for demonstration.
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    /// `None`: the address that the application listens on.
    pub(crate) url: Option<String>,
    pub(crate) folder: PathBuf,
}

impl Options {
    pub(crate) fn read() -> Result<Self, lexopt::Error> {
        let (addr, client_id) = ("127.0.0.1:3000".to_owned(), "members".to_owned());
        let mut options = Self { addr, issuer: None, client_id, url: None, folder: ".oidc".into() };
        let mut given = lexopt::Parser::from_env();
        while let Some(option) = given.next()? {
            match option {
                Long("addr") => options.addr = given.value()?.string()?,
                Long("issuer") => options.issuer = Some(given.value()?.string()?),
                Long("client-id") => options.client_id = given.value()?.string()?,
                Long("url") => options.url = Some(given.value()?.string()?),
                Long("folder") => options.folder = given.value()?.into(),
                Long("help") | Short('h') => {
                    println!("{HELP}");
                    std::process::exit(0);
                }
                _ => return Err(option.unexpected()),
            }
        }
        Ok(options)
    }
}
