//! Certificates for a server on 127.0.0.1, signed by an authority that nobody else knows.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::require;

pub(super) struct Certificates {
    /// What a client has to trust.
    pub(super) authority: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Certificates {
    /// Makes them in this folder. None, once that has been reported, if there is no `openssl` here.
    pub(super) fn make(folder: &Path) -> Option<Self> {
        let openssl = require::program("openssl")?;
        let path = |name: &str| folder.join(name).display().to_string();
        let make = |subject: &str, name: &str, extra: &[&str]| {
            let made = Command::new(&openssl)
                .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
                .args([
                    "-subj",
                    subject,
                    "-keyout",
                    &path(&format!("{name}.key")),
                    "-out",
                    &path(&format!("{name}.crt")),
                ])
                .args(extra)
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        };
        make("/CN=Test authority", "authority", &["-addext", "keyUsage=critical,keyCertSign"]);
        let (authority, authority_key) = (path("authority.crt"), path("authority.key"));
        make(
            "/CN=127.0.0.1",
            "server",
            &[
                "-CA",
                &authority,
                "-CAkey",
                &authority_key,
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-addext",
                "subjectAltName=IP:127.0.0.1,DNS:localhost",
            ],
        );
        Some(Self {
            authority: authority.into(),
            certificate: path("server.crt").into(),
            key: path("server.key").into(),
        })
    }
}
