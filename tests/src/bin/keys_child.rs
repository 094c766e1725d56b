//! A second process that reads keys, for tests: `keys_child env VARIABLE`, `keys_child file PATH`, which creates the file, and
//! `keys_child mounted PATH`, which does not. It is a process of its own, because setting the variables of a running process is
//! unsound, and because processes, not threads, must race to create a file.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io;

use session_runtime::KeyRing;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ring = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["env", variable] => KeyRing::from_env(variable),
        ["file", path] => {
            // Waits until the parent closes this input. The parent closes the inputs of all children at the same time.
            io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
            KeyRing::open_or_create(path)
        }
        ["mounted", path] => KeyRing::open(path),
        _ => unreachable!("{arguments:?} is not a task"),
    };
    println!("{}", ring.map_or_else(|error| error.to_string(), |ring| format!("{ring:?}")));
}
