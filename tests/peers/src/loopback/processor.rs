//! Processor time of a process, to the nanosecond, with all of its threads.

use std::time::Duration;

use nix::{time::ClockId, unistd::Pid};

/// That this process has taken so far.
pub fn own() -> Duration {
    of(Pid::this())
}

pub fn of(process: Pid) -> Duration {
    ClockId::pid_cpu_clock_id(process).unwrap().now().unwrap().into()
}
