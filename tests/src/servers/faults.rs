//! What can befall a server, and how it recovers.

use std::time::Duration;

use super::{RedisServer, wait::until};

impl RedisServer {
    /// `kill -9`: connections break, nobody listens, all data is lost. Gone when this returns.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Starts it anew on the same port: without any data, scripts, or settings made at run time. Kills it first if it runs.
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

    /// `kill -STOP`: connections stay, new ones are accepted by the system, nothing is answered until [`Self::thaw`].
    pub fn freeze(&self) {
        self.process().signal("STOP");
    }

    /// `kill -CONT`: what was sent to it meanwhile is executed now.
    pub fn thaw(&self) {
        self.process().signal("CONT");
    }

    /// `CLIENT PAUSE`: answers nobody for so long, and executes what was sent then.
    pub fn pause(&self, time: Duration) {
        self.tell(&["CLIENT", "PAUSE", &time.as_millis().to_string(), "ALL"]);
    }

    /// From now on every write that may need memory is refused with `OOM`; reads and removals work.
    pub fn fill(&self) {
        self.tell(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        self.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    }

    /// Undoes [`Self::fill`].
    pub fn make_room(&self) {
        self.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    }

    /// From now on every write is refused with `READONLY`, as by a primary that has been demoted; reads work. The data
    /// stays, since the primary that it follows does not exist.
    pub fn read_only(&self) {
        self.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    }

    /// Undoes [`Self::read_only`].
    pub fn writable(&self) {
        self.tell(&["REPLICAOF", "NO", "ONE"]);
    }
}
