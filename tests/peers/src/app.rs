//! An application of any framework, which takes one request and gives one reply.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

/// A response without its body. It stays alive until the counting ends.
pub enum Reply {
    Http(http::Response<()>),
    Actix(actix_web::HttpResponse<()>),
}

impl Reply {
    pub fn status(&self) -> u16 {
        match self {
            Self::Http(response) => response.status().as_u16(),
            Self::Actix(response) => response.status().as_u16(),
        }
    }

    fn set_cookies(&self) -> Vec<String> {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        match self {
            Self::Http(reply) => reply.headers().get_all("set-cookie").iter().map(|v| text(v.as_bytes())).collect(),
            Self::Actix(reply) => reply.headers().get_all("set-cookie").map(|v| text(v.as_bytes())).collect(),
        }
    }
}

/// Takes the path and the cookies; [`is_get`] chooses the method. The request is made before the future is returned.
pub type App = Rc<dyn Fn(&str, Option<&str>) -> LocalBoxFuture<'static, Reply>>;

/// Returns whether requests of this path are GETs. Measured requests are; requests that change a session for a check are POSTs.
pub fn is_get(path: &str) -> bool {
    path.starts_with("/W")
}

/// The cookies that a browser keeps.
#[derive(Clone, Default)]
pub struct Jar(Vec<(String, String)>);

impl Jar {
    pub fn of(reply: &Reply) -> Self {
        let mut jar = Self::default();
        jar.keep(reply);
        jar
    }

    pub fn keep(&mut self, reply: &Reply) {
        self.keep_lines(&reply.set_cookies());
    }

    /// Applies these `Set-Cookie` values.
    pub fn keep_lines(&mut self, lines: &[String]) {
        for line in lines {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            self.0.retain(|(kept, _)| kept != name);
            if !parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) && !value.is_empty() {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub fn header(&self) -> Option<String> {
        let pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}
