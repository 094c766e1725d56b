//! Method names of other session libraries: the errors suggest the methods of this library (F31).

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    theme: String,
    visits: u64,
}

fn renews(mut session: Session<Shop>) {
    session.cycle_id();
}

fn ends(mut session: Session<Shop>) {
    session.flush();
}

fn reads(session: Session<Shop>) {
    let _theme: String = session.get("theme");
}

fn writes(mut session: Session<Shop>) {
    session.insert("theme", "dark");
}

fn main() {}
