//! Certificates for a server on 127.0.0.1, signed by an authority that only the test knows.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::require;

/// Certificates and a key, in PEM.
#[derive(Clone)]
pub(crate) struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

/// The paths of a server's certificates.
pub(crate) struct Files {
    /// The certificate that a client must trust.
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes the certificates. Reports a missing `openssl` and returns `None`.
    pub(crate) fn make() -> Option<Self> {
        let openssl = require::program("openssl")?;
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
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
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        Some(Self { authority: read("authority.crt"), certificate: read("server.crt"), key: read("server.key") })
    }

    /// Writes the certificates to a server's folder.
    pub(crate) fn write(&self, folder: &Path) -> Files {
        let write = |name: &str, content: &str| {
            let path = folder.join(name);
            fs::write(&path, content).unwrap();
            path
        };
        Files {
            authority: write("authority.crt", &self.authority),
            certificate: write("server.crt", &self.certificate),
            key: write("server.key", &self.key),
        }
    }
}
