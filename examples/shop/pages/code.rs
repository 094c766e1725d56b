//! The page of the one-time code. It shows the code and its deadline, and has a form for typing the code.

use maud::{Markup, html};
use session_runtime::Session;

use super::{notice_of, page, words};
use crate::session::{Guess, JustSignedIn, Shop};

pub(crate) fn code(session: &Session<Shop>, me: &JustSignedIn, notice: Option<&str>) -> Markup {
    let content = html! {
        (notice_of(notice))
        section .narrow {
            h1 { "A one-time code" }
            p .soft {
                "You logged in just now, " (me.user) ", so you may have one. A real shop would send it to you, and show it nowhere."
            }
            @if let (Some(code), Some(until)) = (session.code(), session.code_expires_at()) {
                p #code .code { (code) }
                p #deadline .soft {
                    "Good for " (words::left(until)) ", for one use. It may be tried " (words::many(session.tries().into(), "time")) "."
                }
                form action="/account/code/check" method="post" {
                    label for="typed" { "Type it here" }
                    div .field {
                        input #typed name="code" required maxlength="6" pattern="[0-9]{6}" title="Six digits" inputmode="numeric"
                            autocomplete="one-time-code";
                        button #check { "Check" }
                    }
                }
            }
            form action="/account/code" method="post" {
                button #make .quiet[session.code().is_some()] {
                    @if session.code().is_some() { "Make another code" } @else { "Make a code" }
                }
            }
        }
    };
    page("A one-time code · The session shop", Some((session, "code")), &content)
}

/// Returns the message about a guess, and the page that shows it.
pub(crate) fn guessed(guess: Guess) -> (&'static str, &'static str) {
    match guess {
        Guess::Right => ("That was the code. It is used up now.", "/account"),
        Guess::Wrong => ("That is not the code. Please look again.", "/account/code"),
        Guess::LastWrong => (
            "That was not the code, and it was the last try: the code is no longer valid. Please make another.",
            "/account/code",
        ),
        Guess::NoCode => {
            ("There is no code now: it was used, or it ended after five minutes. Please make another.", "/account/code")
        }
    }
}
