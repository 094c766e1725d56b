//! Reads the processor time of a process with all of its threads, to the nanosecond.

use std::time::Duration;

use nix::{time::ClockId, unistd::Pid};

/// Returns the processor time that this process has taken so far.
pub fn own() -> Duration {
    of(Pid::this())
}

pub fn of(process: Pid) -> Duration {
    ClockId::pid_cpu_clock_id(process).unwrap().now().unwrap().into()
}
