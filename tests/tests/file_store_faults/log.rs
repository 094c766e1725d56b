//! The log of this test program, of all its threads.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to listen, unless another test has.
pub(crate) fn listen() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        session_runtime::testing::unlimited_log();
        tracing_subscriber::fmt().with_ansi(false).with_writer(|| Writer).init();
    });
}

/// The lines that name `what`. Tests run side by side, so `what` should be in the lines of one test only.
pub(crate) fn about(what: &str) -> Vec<String> {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&log).lines().filter(|line| line.contains(what)).map(str::to_owned).collect()
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
