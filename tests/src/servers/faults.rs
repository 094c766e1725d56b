//! The faults of a server, and its recovery.

use std::time::Duration;

use super::{RedisServer, wait::until};

impl RedisServer {
    /// Kills the server (`kill -9`): connections break, the port is closed, all data is lost. The process has ended when this
    /// returns.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Starts the server again on the same port, without data, scripts or settings made at run time. Kills it first if it is
    /// running.
    pub fn restart(&self) {
        self.kill();
        until("a server has its port back", || {
            self.process().start();
            let back = self.answers();
            if !back {
                self.kill();
            }
            back.then_some(())
        });
    }

    /// Stops the server (`kill -STOP`): connections stay, the system accepts new ones, and nothing is answered until
    /// [`Self::thaw`].
    pub fn freeze(&self) {
        self.process().signal("STOP");
    }

    /// Resumes the server (`kill -CONT`), which now executes what it was sent in the meantime.
    pub fn thaw(&self) {
        self.process().signal("CONT");
    }

    /// Holds all commands for this time (`CLIENT PAUSE`), and then executes them.
    pub fn pause(&self, time: Duration) {
        self.tell(&["CLIENT", "PAUSE", &time.as_millis().to_string(), "ALL"]);
    }

    /// From now on, rejects every write that may need memory, with the error `OOM`. Reads and removals work.
    pub fn fill(&self) {
        self.tell(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        self.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    }

    /// Undoes [`Self::fill`].
    pub fn make_room(&self) {
        self.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    }

    /// From now on, rejects every write with the error `READONLY`, like a primary that has been demoted. Reads work. The server
    /// keeps its data, because the primary that it is told to follow does not exist.
    pub fn read_only(&self) {
        self.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    }

    /// Undoes [`Self::read_only`].
    pub fn writable(&self) {
        self.tell(&["REPLICAOF", "NO", "ONE"]);
    }
}
