//! The page of the chat: a form for a name, or the room.

use maud::{DOCTYPE, Markup, html};

pub(crate) fn home(name: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Chat" } }
            body {
                @match name {
                    Some(name) => (room(name)),
                    None => form action="/log-in" method="post" {
                        label { "Your name " input #name name="name" required maxlength="40"; }
                        button #log-in { "Sign in" }
                    },
                }
                footer { "A demonstration of " code { "session-runtime" } ": its source is " code { "examples/chat" } "." }
            }
        }
    }
}

fn room(name: &str) -> Markup {
    html! {
        p { "You are " b #me { (name) } ". " span #status role="status" { "Connecting …" } }
        ul #room {}
        form #say { input #text required maxlength="1000" aria-label="What you say" autocomplete="off"; button { "Say" } }
        form action="/log-out-others" method="post" { button #log-out-others { "Log out my other devices" } }
        form action="/log-out" method="post" { button #log-out { "Log out" } }
        script src="/chat.js" {}
    }
}
