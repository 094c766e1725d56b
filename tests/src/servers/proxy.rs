//! The network between a store and its server, which counts traffic and can fail.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// Listens on a port of its own and forwards everything, for any protocol in which a client asks and a server answers.
pub struct Proxy {
    addr: SocketAddr,
    network: Arc<Network>,
}

#[derive(Default)]
struct Network {
    connections: AtomicUsize,
    round_trips: AtomicU64,
    asked: AtomicU64,
    answered: AtomicU64,
    swallowed: AtomicUsize,
    swallow_answer: AtomicBool,
    swallow_request: AtomicBool,
    refuse: AtomicBool,
    closed: AtomicBool,
    delay: Mutex<Duration>,
    /// The server to which new connections lead.
    server: Mutex<Option<SocketAddr>>,
    open: Mutex<Vec<Connection>>,
}

impl Proxy {
    /// Starts a proxy in front of this server.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self { addr: listener.local_addr().unwrap(), network: Arc::default() };
        proxy.lead_to(server);
        let network = Arc::clone(&proxy.network);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if network.closed.load(SeqCst) {
                    break;
                }
                network.connect(client);
            }
        });
        proxy
    }

    /// Returns the address on which the proxy listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Counts how often a client sent something while it was not waiting for an answer. A pipeline is one round trip, and so are
    /// requests that several tasks send at the same time over one connection. A greeting at connection time counts too.
    pub fn round_trips(&self) -> u64 {
        self.network.round_trips.load(SeqCst)
    }

    /// Returns how many bytes the clients have sent so far, and how many the server.
    pub fn bytes(&self) -> [u64; 2] {
        [&self.network.asked, &self.network.answered].map(|bytes| bytes.load(SeqCst))
    }

    /// Counts the connections that the proxy has let through so far.
    pub fn connections(&self) -> usize {
        self.network.connections.load(SeqCst)
    }

    /// Counts the requests and answers swallowed so far, so that a test can check that its fault happened.
    pub fn swallowed(&self) -> usize {
        self.network.swallowed.load(SeqCst)
    }

    /// Breaks all connections. New ones are let through.
    pub fn cut(&self) {
        self.network.cut();
    }

    /// Breaks all connections, and breaks each new one immediately, until [`Self::accept`].
    pub fn refuse(&self) {
        self.network.refuse.store(true, SeqCst);
        self.network.cut();
    }

    /// Undoes [`Self::refuse`].
    pub fn accept(&self) {
        self.network.refuse.store(false, SeqCst);
    }

    /// Leads new connections to this server, as if a host name had a new address. Open connections stay where they are.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.network.server.lock().unwrap() = Some(server);
    }

    /// Loses the next data that the server sends, and breaks the connection: the command was executed.
    pub fn swallow_next_answer(&self) {
        self.network.swallow_answer.store(true, SeqCst);
    }

    /// Loses the next data that a client sends, and breaks the connection: the command was not executed.
    pub fn swallow_next_request(&self) {
        self.network.swallow_request.store(true, SeqCst);
    }

    /// Delays every answer by this time from now on; zero ends the delay.
    pub fn delay(&self, time: Duration) {
        *self.network.delay.lock().unwrap() = time;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.closed.store(true, SeqCst);
        self.network.cut();
        // Wakes up the thread that waits for the next connection, so that it ends.
        let _ = TcpStream::connect(self.addr);
    }
}

impl Network {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        let server = *self.server.lock().unwrap();
        let Some(server) = server.filter(|_| !self.refuse.load(SeqCst)) else { return };
        let Ok(server) = TcpStream::connect(server) else { return };
        let connection = Connection { client, server };
        connection.client.set_nodelay(true).unwrap();
        connection.server.set_nodelay(true).unwrap();
        let waiting = Arc::new(AtomicBool::new(false));
        let (up, down) = (connection.share(), connection.share());
        self.connections.fetch_add(1, SeqCst);
        {
            let mut open = self.open.lock().unwrap();
            open.push(connection);
            // A `refuse` in the meantime has cut only the connections that were open then.
            if self.refuse.load(SeqCst) || self.closed.load(SeqCst) {
                open.drain(..).for_each(|connection| connection.cut());
            }
        }
        let network = Arc::clone(self);
        let asked = Arc::clone(&waiting);
        thread::spawn(move || {
            pass(&up.client, &up.server, |bytes| network.request(&asked, bytes));
            up.cut();
        });
        let network = Arc::clone(self);
        thread::spawn(move || {
            pass(&down.server, &down.client, |bytes| network.answer(&waiting, bytes));
            down.cut();
        });
    }

    /// Counts the client's data. Returns whether the data may pass.
    fn request(&self, waiting: &AtomicBool, bytes: &[u8]) -> bool {
        self.asked.fetch_add(bytes.len() as u64, SeqCst);
        if !waiting.swap(true, SeqCst) {
            self.round_trips.fetch_add(1, SeqCst);
        }
        !self.swallow(&self.swallow_request)
    }

    /// Counts the server's data, and delays it. Returns whether the data may pass.
    fn answer(&self, waiting: &AtomicBool, bytes: &[u8]) -> bool {
        self.answered.fetch_add(bytes.len() as u64, SeqCst);
        waiting.store(false, SeqCst);
        if self.swallow(&self.swallow_answer) {
            return false;
        }
        let delay = *self.delay.lock().unwrap();
        thread::sleep(delay);
        true
    }

    fn swallow(&self, wanted: &AtomicBool) -> bool {
        let swallow = wanted.swap(false, SeqCst);
        self.swallowed.fetch_add(swallow.into(), SeqCst);
        swallow
    }

    fn cut(&self) {
        self.open.lock().unwrap().drain(..).for_each(|connection| connection.cut());
    }
}

/// Forwards the data of one side for as long as `may` allows it.
fn pass(mut from: &TcpStream, mut to: &TcpStream, mut may: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !may(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Connection {
    fn share(&self) -> Self {
        Self { client: self.client.try_clone().unwrap(), server: self.server.try_clone().unwrap() }
    }

    /// Ends the connection on both sides. Neither side learns why.
    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}
