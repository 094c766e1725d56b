//! Connections to a cluster: the store's own, one for each runtime, or one of the application.

use redis::{RedisResult, cluster::ClusterClient, cluster_async::ClusterConnection};
use tokio::time::timeout;

use super::{
    connect::OPEN,
    connections::{Connect, Connections},
    feed::{Nodes, timed_out},
};

#[derive(Clone)]
pub(super) enum Cluster {
    Own(Connections<Source>),
    /// The application's connection.
    Given(ClusterConnection),
}

pub(super) struct Source {
    pub(super) client: ClusterClient,
    /// The nodes that the URL names.
    pub(super) nodes: Nodes,
}

impl Connect for Source {
    type Connection = ClusterConnection;

    async fn connect(&self) -> RedisResult<ClusterConnection> {
        timeout(OPEN, self.client.get_async_connection()).await.unwrap_or_else(|_| Err(timed_out()))
    }
}

impl Cluster {
    pub(super) async fn open(source: Source) -> RedisResult<Self> {
        let connections = Connections::new(source);
        connections.get().await?;
        Ok(Self::Own(connections))
    }

    /// Returns the connection for the current runtime.
    pub(super) async fn connection(&self) -> RedisResult<ClusterConnection> {
        match self {
            Self::Own(connections) => Ok(connections.get().await?.1),
            Self::Given(connection) => Ok(connection.clone()),
        }
    }

    /// Returns the nodes that the URL names. There are none if the connection is the application's.
    pub(super) fn nodes(&self) -> Nodes {
        match self {
            Self::Own(connections) => connections.origin().nodes.clone(),
            Self::Given(_) => Nodes::default(),
        }
    }
}
