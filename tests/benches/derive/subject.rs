//! Writes the crates to measure: the same structs with each derive, and without any.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) const STRUCTS: usize = 100;
pub(crate) const FIELDS: usize = 20;

/// A derive, and the crate that applies it to many structs.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// The compiler's names for the derive.
    pub(crate) derives: &'static [&'static str],
    /// The dependency that the derive needs besides serde.
    dependency: &'static str,
    over: &'static str,
    pub(crate) folder: PathBuf,
}

impl Subject {
    /// Returns all subjects; the first has no derive.
    pub(crate) fn all(folder: &Path) -> [Self; 4] {
        let subject = |name: &'static str, derives, dependency, over| Self {
            name,
            derives,
            dependency,
            over,
            folder: folder.join(name),
        };
        [
            subject("none", &[], "", ""),
            subject("session", &["#[derive(session_runtime::Session)]"], "session-runtime", "session_runtime::Session"),
            subject(
                "serde",
                &["#[derive(serde::Serialize)]", "#[derive(serde::Deserialize)]"],
                "",
                "serde::Serialize, serde::Deserialize",
            ),
            subject("bon", &["#[derive(bon::Builder)]"], "bon", "bon::Builder"),
        ]
    }

    /// Writes the crate, with `structs` structs of `fields` fields each.
    pub(crate) fn write(&self, structs: usize, fields: usize) {
        let code: String = (0..structs).map(|number| self.code(number, fields)).collect();
        write(&self.folder, &self.dependencies(), &code);
    }

    fn dependencies(&self) -> String {
        let serde = "serde = { version = \"1\", features = [\"derive\"] }\n";
        match self.dependency {
            "" => serde.to_owned(),
            "session-runtime" => {
                let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../session-runtime");
                format!(
                    "{serde}session-runtime = {{ path = \"{path}\", default-features = false, features = [\"memory\"] }}\n"
                )
            }
            other => format!("{serde}{other} = \"3\"\n"),
        }
    }

    fn code(&self, number: usize, fields: usize) -> String {
        const TYPES: [&str; 5] = ["u64", "String", "Option<String>", "Vec<u32>", "bool"];
        let derive = if self.over.is_empty() { String::new() } else { format!("#[derive({})]\n", self.over) };
        let fields = (0..fields).map(|field| {
            // Two fields of five have a policy, as in real sessions.
            let policy = match (self.name, field % 5) {
                ("session", 0) => "#[session(counter)] ",
                ("session", 2) => "#[session(flash)] ",
                _ => "",
            };
            format!("    {policy}pub field_{field}: {},\n", TYPES[field % 5])
        });
        format!("{derive}pub struct Struct{number} {{\n{}}}\n\n", fields.collect::<String>())
    }
}

/// Writes a crate outside our workspace.
pub(crate) fn write(folder: &Path, dependencies: &str, code: &str) {
    let manifest = format!(
        "[package]\nname = \"subject\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n[workspace]\n"
    );
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.join("src/lib.rs"), code).unwrap();
    // Pins the versions of this workspace.
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
}
