//! B62: several runtimes in one process. Under actix-web, each worker thread has its own runtime.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use futures_util::FutureExt as _;
use session_runtime::SessionEnd;
use tests::{app::hours, store::AnyStore};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
};

use crate::{
    faulty::{Fault, Faulty, Gate},
    watch::{Two, is_over, opening, soon},
};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

// B62: the runtime on which a look at the store runs may shut down during the look.
#[test]
fn watches_survive_the_shutdown_of_another_runtime_during_a_look() {
    for _ in 0..20 {
        let (first, second) = (runtime(), runtime());
        let (server, store) = Faulty::server(&AnyStore::memory(), |builder| builder.watch_every(hours(1)));
        let (opened, app) = opening(&server);
        let (ada, gate) = (second.block_on(server.signed_in("ada")), Gate::new());
        let open = || {
            second.block_on(ada.at(&app).get("/stream"));
            opened.lock().unwrap().take().unwrap().ended()
        };
        let (one, other) = (open(), open());
        store.plan([Fault::Slow(gate.clone())]);
        first.spawn(soon(one));
        first.block_on(gate.wait());
        let ended = second.spawn(soon(other));
        second.block_on(tokio::task::yield_now());
        first.shutdown_background();
        second.block_on(async {
            server.sessions.of("ada").revoke_all().await.unwrap();
            assert_eq!(ended.await.unwrap(), SessionEnd::Revoked);
        });
    }
}

// B62: the task that looks at the store may be dropped before it is first polled.
#[test]
fn watches_survive_the_shutdown_of_another_runtime_before_the_first_look() {
    let (first, second) = (runtime(), runtime());
    let (server, _) = Faulty::server(&AnyStore::memory(), |builder| builder.watch_every(hours(1)));
    let (opened, app) = opening(&server);
    let ada = second.block_on(server.signed_in("ada"));
    let open = || {
        second.block_on(ada.at(&app).get("/stream"));
        opened.lock().unwrap().take().unwrap().ended()
    };
    let (mut one, other) = (open(), open());
    first.block_on(async { assert!((&mut one).now_or_never().is_none()) });
    let ended = second.spawn(soon(other));
    second.block_on(tokio::task::yield_now());
    drop(first);
    second.block_on(async {
        server.sessions.of("ada").revoke_all().await.unwrap();
        assert_eq!(ended.await.unwrap(), SessionEnd::Revoked);
    });
}

// B62
#[test]
fn streams_on_several_runtimes_outlive_each_of_them() {
    const THREADS: usize = 4;
    let two = Arc::new(runtime().block_on(async { Two::new(AnyStore::memory(), hours(1)) }));
    let (begun, left) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (mut threads, mut stops) = (Vec::new(), Vec::new());
    for number in 0..THREADS {
        let (servers, began, left) = (two.clone(), begun.clone(), left.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        stops.push(stop);
        threads.push(thread::spawn(move || {
            let runtime = runtime();
            let streams = runtime.block_on(async {
                let mut streams = Vec::new();
                for _ in 0..10 {
                    let ada = servers.here.signed_in("ada").await;
                    let mut ended = servers.open(&ada).await.ended();
                    assert!(!is_over(&mut ended).await);
                    streams.push(tokio::spawn(soon(ended)));
                }
                streams
            });
            began.wait();
            if number + 1 < THREADS {
                // All runtimes but the last shut down, one after the other. Each time, another runtime takes over the looks.
                let _ = runtime.block_on(stopped);
                drop(runtime);
                left.wait();
                return;
            }
            runtime.block_on(async {
                for ended in streams {
                    assert_eq!(ended.await.unwrap(), SessionEnd::Revoked);
                }
            });
        }));
        // Starts the next thread only now, because `Two` can hold only one opened session at a time.
        begun.wait();
    }
    for stop in stops.drain(..THREADS - 1) {
        drop(stop);
        left.wait();
    }
    runtime().block_on(two.here.sessions.of("ada").revoke_all()).unwrap();
    for thread in threads {
        thread.join().unwrap();
    }
}
