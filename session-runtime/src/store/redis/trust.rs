//! The certificates to trust: the system's, or those of a file. Without the feature `redis-tls`, no connection uses certificates.

use redis::{
    Client, ConnectionInfo, RedisConnectionInfo, RedisResult, TlsMode,
    cluster::ClusterClientBuilder,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};

use super::url::Address;
use crate::error::Error;

pub(super) struct Trust {
    #[cfg(feature = "redis-tls")]
    authority: Option<redis::TlsCertificates>,
}

#[cfg(feature = "redis-tls")]
impl Trust {
    pub(super) fn of(address: &Address) -> Result<Self, Error> {
        if address.is_encrypted {
            // Chooses a cryptography provider. This fails if the application has already chosen one, which then stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let read = |path: &str| match std::fs::read(path) {
            Ok(pem) => Ok(redis::TlsCertificates { client_tls: None, root_cert: Some(pem) }),
            Err(source) => Err(Error::setup(format!("cannot read the certificates `{path}`: {source}"))),
        };
        Ok(Self { authority: address.authority.as_deref().map(read).transpose()? })
    }

    pub(super) fn client(&self, server: ConnectionInfo) -> RedisResult<Client> {
        match &self.authority {
            Some(authority) => Client::build_with_tls(server, authority.clone()),
            None => Client::open(server),
        }
    }

    pub(super) fn cluster(&self, builder: ClusterClientBuilder) -> ClusterClientBuilder {
        match &self.authority {
            Some(authority) => builder.certs(authority.clone()),
            None => builder,
        }
    }

    fn sentinels(&self, builder: SentinelClientBuilder) -> SentinelClientBuilder {
        match &self.authority {
            Some(authority) => builder
                .set_client_to_redis_certificates(authority.clone())
                .set_client_to_sentinel_certificates(authority.clone()),
            None => builder,
        }
    }
}

#[cfg(not(feature = "redis-tls"))]
impl Trust {
    pub(super) fn of(_: &Address) -> Result<Self, Error> {
        Ok(Self {})
    }

    pub(super) fn client(&self, server: ConnectionInfo) -> RedisResult<Client> {
        Client::open(server)
    }

    pub(super) fn cluster(&self, builder: ClusterClientBuilder) -> ClusterClientBuilder {
        builder
    }

    fn sentinels(&self, builder: SentinelClientBuilder) -> SentinelClientBuilder {
        builder
    }
}

impl Trust {
    /// Returns a client that asks `sentinels` for the master of this name, and logs in to it with the settings `servers`.
    pub(super) fn sentinel(
        &self,
        sentinels: Vec<ConnectionInfo>,
        master: String,
        servers: &RedisConnectionInfo,
        is_encrypted: bool,
    ) -> RedisResult<SentinelClient> {
        let (user, password) = match sentinels.first().map(ConnectionInfo::redis_settings) {
            Some(settings) => (settings.username(), settings.password()),
            None => (None, None),
        };
        let addresses = sentinels.iter().map(|sentinel| sentinel.addr().clone());
        let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
            .set_client_to_redis_protocol(servers.protocol())
            .set_client_to_redis_db(servers.db());
        if let Some(user) = servers.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = servers.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(user) = user {
            builder = builder.set_client_to_sentinel_username(user);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if is_encrypted {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
        }
        if let Some(sentinel) = sentinels.first() {
            let settings = sentinel.tcp_settings();
            builder = builder
                .set_client_to_redis_tcp_settings(settings.clone())
                .set_client_to_sentinel_tcp_settings(settings.clone());
        }
        self.sentinels(builder).build()
    }
}
