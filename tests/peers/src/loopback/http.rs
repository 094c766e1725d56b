//! One kept-alive HTTP/1.1 connection, and the visitors who use it.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    app::{Jar, is_get},
    works::WRITES,
};

/// A visitor with a session.
#[derive(Clone, Default)]
pub struct Visitor {
    pub jar: Jar,
    /// How often the visitor has written to the session.
    writes: usize,
}

impl Visitor {
    /// Returns the path for a kind of request (see `works`). Each write changes the value, because a write of the same value might be skipped.
    fn path(&mut self, work: &str) -> String {
        if work != "W2" {
            return format!("/{work}");
        }
        self.writes += 1;
        format!("/{}", WRITES[self.writes % WRITES.len()])
    }
}

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// The parts of a response that are kept.
pub struct Answer {
    /// The size of the whole response.
    pub bytes: usize,
    pub set_cookies: Vec<String>,
}

impl Connection {
    pub async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends a request as this visitor, who keeps the cookies of the response.
    pub async fn visit(&mut self, work: &str, visitor: &mut Visitor) -> Answer {
        let answer = self.send(&visitor.path(work), visitor.jar.header().as_deref()).await.unwrap();
        visitor.jar.keep_lines(&answer.set_cookies);
        answer
    }

    async fn send(&mut self, path: &str, cookie: Option<&str>) -> io::Result<Answer> {
        let method = if is_get(path) { "GET" } else { "POST" };
        let length = if is_get(path) { "" } else { "Content-Length: 0\r\n" };
        let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}{cookie}\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.received.clear();
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(answer) = whole(&self.received) {
                return Ok(answer);
            }
        }
    }
}

/// Returns the response if all of it has arrived.
fn whole(received: &[u8]) -> Option<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(received).unwrap() else { return None };
    let mut length = 0;
    let mut set_cookies = Vec::new();
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(header.value).unwrap().parse().unwrap();
        } else if header.name.eq_ignore_ascii_case("set-cookie") {
            set_cookies.push(String::from_utf8_lossy(header.value).into_owned());
        }
    }
    let bytes = head + length;
    if received.len() < bytes {
        return None;
    }
    assert_eq!(response.code, Some(200), "{}", String::from_utf8_lossy(received));
    Some(Answer { bytes, set_cookies })
}
