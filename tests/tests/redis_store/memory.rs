//! The memory that a value takes on the server. `whole` measures a whole session.

use tests::servers::Kind;

use crate::{
    key, name, server,
    values::{create, replace, value},
};

/// Besides the value's bytes, the server stores the name, the time to live, and its overhead for any key.
#[tokio::test]
async fn a_value_takes_little_more_than_its_bytes() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        for length in [0, 100, 200, 300, 1000] {
            let key = key();
            let mut held = create(&store, &key, &value(vec![7; length])).await;
            for _ in 0..12 {
                held = replace(&store, &key, &held, &value(vec![7; length])).await;
            }
            let bytes = held.value().to_bytes().len() as u64;
            let taken: u64 = server.ask(&["MEMORY", "USAGE", &name(&key)]).unwrap();
            println!("{kind:?}: {bytes} bytes take {taken}");
            // Allocators round up by as much as a quarter.
            assert!(taken <= bytes + bytes / 4 + 150, "{kind:?}: {bytes} bytes take {taken}");
        }
    }
}
