//! One round trip: commands, and how long to wait for their answer.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::Poll,
    time::Duration,
};

use redis::{Cmd, Pipeline, RedisError, RedisResult, Value, aio::ConnectionLike};

use crate::timeout::timeout;

/// How long an answer may take. Usually `store_timeout` ends the wait earlier; this limit is for calls without a timeout.
pub(super) const RESPOND: Duration = Duration::from_secs(30);
/// How long to wait for an answer before checking that the connection still exists.
const CHECK: Duration = Duration::from_secs(1);

/// The commands of one round trip.
#[derive(Clone, Copy)]
pub(super) enum Question<'a> {
    One(&'a Cmd),
    /// On a cluster, all go to the node of the first command's key.
    Several(&'a Pipeline),
}

impl Question<'_> {
    /// Sends the question over this connection, and returns the answer. Does not limit how long that takes.
    pub(super) async fn put_to(self, mut connection: impl ConnectionLike) -> RedisResult<Value> {
        let answer = match self {
            Self::One(command) => connection.req_packed_command(command).await?,
            Self::Several(commands) => Value::Array(connection.req_packed_commands(commands, 0, commands.len()).await?),
        };
        answer.extract_error().map_err(error_in_script)
    }

    /// Sends the question over this connection, which answers in order, and returns the answer.
    ///
    /// A question that is sent just as its connection ends may get neither an answer nor an error, because it stays in the
    /// connection's queue. A later question detects that: it is refused, or it is answered before the earlier one.
    pub(super) async fn put_over(self, connection: &(impl ConnectionLike + Clone)) -> RedisResult<Value> {
        self.put_within(connection, CHECK, RESPOND).await
    }

    async fn put_within(
        self,
        connection: &(impl ConnectionLike + Clone),
        check: Duration,
        respond: Duration,
    ) -> RedisResult<Value> {
        let mut answer = pin!(self.put_to(connection.clone()));
        if let Ok(answer) = timeout(|| check, &mut answer).await {
            return answer;
        }
        // Boxed, because it is rarely needed, and otherwise the future of every call would be larger.
        let mut ended = Box::pin(timeout(|| respond.saturating_sub(check), Box::pin(ended(connection.clone()))));
        poll_fn(|context| {
            // Polls the check first. In the other order, both could arrive between the two polls, and the answer would be missed.
            let ended = ended.as_mut().poll(context);
            match (answer.as_mut().poll(context), ended) {
                (Poll::Ready(answer), _) => Poll::Ready(answer),
                (Poll::Pending, Poll::Ready(Ok(ended))) => Poll::Ready(Err(ended)),
                (Poll::Pending, Poll::Ready(Err(_))) => {
                    Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()))
                }
                (Poll::Pending, Poll::Pending) => Poll::Pending,
            }
        })
        .await
    }
}

/// Waits until the connection has answered all earlier questions, or has ended. Returns the error for an earlier question that
/// has no answer even then.
async fn ended(mut connection: impl ConnectionLike) -> RedisError {
    let answer = connection.req_packed_command(&redis::cmd("PING")).await;
    let broken = answer.err().filter(RedisError::is_connection_dropped);
    broken.unwrap_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted).into())
}

/// Extracts the error of a command in a script. Up to Redis 6.2 it is part of another error's text: `ERR Error running script
/// (call to f_9b53…): @user_script:1: WRONGTYPE Operation against …`, or `…: @user_script: 1: -OOM command not allowed …`.
fn error_in_script(error: RedisError) -> RedisError {
    let detail = error.detail().filter(|detail| detail.starts_with("Error running script"));
    let inner = detail.and_then(|detail| Some(detail.rsplit_once("@user_script:")?.1.split_once(": ")?.1));
    let inner = inner.map(|inner| inner.trim_start_matches('-'));
    let inner =
        inner.filter(|inner| inner.bytes().take_while(|byte| *byte != b' ').all(|byte| byte.is_ascii_uppercase()));
    let inner = inner.and_then(|inner| redis::parse_redis_value(format!("-{inner}\r\n").as_bytes()).ok());
    inner.and_then(|inner| inner.extract_error().err()).unwrap_or(error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::{
        future,
        sync::Arc,
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
    };

    use redis::RedisFuture;

    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Never answers the first command. Answers each later one with `then`; `None` never answers.
    #[derive(Clone)]
    struct Connection {
        then: Option<Result<Value, io::ErrorKind>>,
        asked: Arc<AtomicUsize>,
    }

    impl ConnectionLike for Connection {
        fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
            let is_first = self.asked.fetch_add(1, SeqCst) == 0;
            match self.then.clone().filter(|_| !is_first) {
                Some(answer) => Box::pin(future::ready(answer.map_err(|kind| io::Error::from(kind).into()))),
                None => Box::pin(future::pending()),
            }
        }

        fn req_packed_commands<'a>(&'a mut self, _: &'a Pipeline, _: usize, _: usize) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(future::pending())
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    #[tokio::test]
    async fn a_question_that_stays_in_the_queue_of_an_ended_connection_is_an_error() {
        for then in [Err(io::ErrorKind::BrokenPipe), Ok(Value::Okay), Ok(Value::SimpleString("PONG".into()))] {
            let connection = Connection { then: Some(then), asked: Arc::default() };
            let error =
                Question::One(&redis::cmd("GET")).put_within(&connection, MILLISECOND, PATIENCE).await.unwrap_err();
            assert!(
                error.is_connection_dropped() && !error.is_timeout(),
                "the caller must see that a retry may help: {error}"
            );
            assert_eq!(connection.asked.load(SeqCst), 2);
        }
    }

    #[tokio::test]
    async fn a_server_that_hangs_is_a_timeout() {
        let connection = Connection { then: None, asked: Arc::default() };
        let command = redis::cmd("GET");
        let asked = Question::One(&command).put_within(&connection, MILLISECOND, 2 * MILLISECOND);
        let error = asked.await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(connection.asked.load(SeqCst), 2, "the connection got the question and the check");
    }
}
