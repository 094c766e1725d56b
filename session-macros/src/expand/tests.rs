//! Compares the expansion of a small session with a file, and checks that every expansion parses.
#![allow(clippy::unwrap_used, clippy::panic)]

use quote::quote;

use crate::derive;

fn pretty(expansion: proc_macro2::TokenStream) -> String {
    let text = expansion.to_string();
    let file = syn::parse2(expansion).unwrap_or_else(|error| panic!("{error} in {text}"));
    prettyplease::unparse(&file)
}

#[test]
fn the_expansion_is_as_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/expand/example.txt");
    let expansion = pretty(derive(quote! {
        /// The shop's data about a visitor.
        #[session(idle = 30m, domain = "example.com", cookie = "shop")]
        pub struct Shop {
            /// The signed-in user.
            #[session(identity)]
            pub user_id: Option<u64>,
            #[session(atomic, default = vec![Line::FREE])]
            pub(crate) cart: Vec<Line>,
            #[session(expires = 5m, secret, rename = "code", alias = "otp")]
            one_time_code: Option<String>,
            #[session(skip)]
            scratch: Scratch,
        }
    }));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &expansion).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        kept, expansion,
        "if the change is intended, run the tests with BLESS=1 to update src/expand/example.txt"
    );
}

// F1, F2
#[test]
fn kind_and_application_are_what_the_attributes_say() {
    let by_default = pretty(derive(quote!(
        struct r#Shop {
            a: u8,
        }
    )));
    assert!(by_default.contains("Spec::new(\n            \"Shop\""), "{by_default}");
    assert!(
        by_default.contains(".package(::core::option_env!(\"CARGO_PKG_NAME\"), ::core::module_path!())"),
        "{by_default}"
    );
    assert!(!by_default.contains(".kind(") && !by_default.contains(".app("), "{by_default}");
    let given = pretty(derive(quote!(
        #[session(kind = "Shop", app = "market")]
        struct Store {
            a: u8,
        }
    )));
    assert!(given.contains(".kind(\"Shop\")") && given.contains(".app(\"market\")"), "{given}");
    assert!(!given.contains(".package("), "{given}");
}

#[test]
fn only_lists_and_shared_fields_need_a_store() {
    for (fields, needs) in [
        (quote!(a: u8), "AnyPlace"),
        (quote!(#[session(identity, unlisted)] a: Option<u8>, #[session(flash)] b: Option<u8>), "AnyPlace"),
        (quote!(#[session(identity)] a: Option<u8>), "UserLists"),
        (quote!(#[session(identity, unlisted)] a: Option<u8>, #[session(atomic)] b: u8), "SharedFields"),
        (quote!(#[session(counter)] a: u8), "SharedFields"),
        (quote!(#[session(identity)] a: Option<u8>, #[session(counter)] b: u8), "UserLists"),
    ] {
        let expansion = pretty(derive(quote!(struct Shop { #fields })));
        let expected = format!("type Needs = ::session_runtime::__private::{needs};");
        assert!(expansion.contains(&expected), "{expected} in {expansion}");
    }
}

/// Returns the page with its output blocks generated again. Each input block is followed by its output block. The first input
/// block also contains the view, hidden.
fn page_of(page: &str) -> String {
    let mut blocks: Vec<String> = page.split("```").map(str::to_owned).collect();
    assert_eq!(blocks.len(), 9, "the page has four blocks of code, with text around each");
    let shown = |code: proc_macro2::TokenStream| pretty(code).replace("::session_runtime::__private", "private");
    let is_shown = |line: &&str| !line.starts_with('#') || line.starts_with("#[");
    let session: String = blocks[1].lines().filter(is_shown).map(|line| format!("{line}\n")).collect();
    let session = session.replacen("#[derive(Session)]", "", 1);
    blocks[3] = format!("rust,ignore\n{}", shown(derive(session.parse().unwrap())));
    let view: String = blocks[5].lines().skip(2).collect();
    let emitted = crate::view::view(quote!(Shop, or_redirect = "/login"), view.parse().unwrap());
    let emitted = shown(emitted);
    // Skips the struct, which comes first.
    let (_, code) = emitted.split_once("impl ").unwrap();
    blocks[7] = format!("rust,ignore\nimpl {code}");
    blocks.join("```")
}

#[test]
fn the_guide_shows_what_is_emitted() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../session-runtime/docs/expansion.md");
    let kept = std::fs::read_to_string(path).unwrap();
    let now = page_of(&kept);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap();
    assert_eq!(kept, now, "if the change is intended, run the tests with BLESS=1 to update docs/expansion.md");
    // The third code block shows the view that the first, compiled one hides.
    let blocks: Vec<&str> = kept.split("```").collect();
    let hidden: Vec<&str> = blocks[1].lines().filter_map(|line| line.strip_prefix("# ")).skip(1).collect();
    assert_eq!(hidden, blocks[5].lines().skip(1).collect::<Vec<_>>());
}

// B46: a struct with mistakes still has each of its accessors, and has each only once.
#[test]
fn a_broken_session_keeps_its_accessors() {
    let expansion = pretty(derive(quote! {
        #[session(idle = 5, colour)]
        pub struct Shop<T> {
            #[session(identity, flash)]
            user_id: u64,
            #[session(counter)]
            visits: String,
            cart: Vec<T>,
            cart_mut: u8,
        }
    }));
    for accessor in ["user_id", "user_id_mut", "visits", "visits_mut", "cart", "cart_mut", "cart_mut_mut"] {
        assert_eq!(expansion.matches(&format!("fn {accessor}(")).count(), 1, "{accessor} in {expansion}");
    }
    assert_eq!(expansion.matches("compile_error!").count(), 7, "{expansion}");
}

#[test]
fn every_form_of_item_expands_to_code() {
    for item in [
        quote!(
            struct Unit;
        ),
        quote!(
            struct Tuple(u8, #[session(counter)] u8);
        ),
        quote!(
            struct Braces {}
        ),
        quote!(
            enum Choice {
                This,
                #[session(x)]
                That {
                    #[session(y)]
                    field: u8,
                },
            }
        ),
        quote!(union Either { a: u8 }),
        quote!(
            struct Lifetimes<'a, 'b: 'a> {
                a: &'a str,
                b: &'b str,
            }
        ),
        quote!(
            struct Bounds<T: Clone = u8, const N: usize = 3>
            where
                T: Copy,
            {
                a: [T; N],
            }
        ),
        quote!(
            struct Where
            where
                u8: Copy,
            {
                a: u8,
            }
        ),
        quote!(
            #[session]
            #[session = 5]
            #[session()]
            #[session(, ,)]
            struct Lists {
                a: u8,
            }
        ),
        quote!(
            #[session(cookie, idle =, = 3, 5, "x", (a), a::b = 1, #, idle = 30m absolute = 1h touch)]
            struct Junk {
                a: u8,
            }
        ),
        quote!(
            struct Twice {
                a: u8,
                a: u8,
            }
        ),
        quote!(
            struct r#type {
                r#fn: u8,
            }
        ),
    ] {
        assert!(!pretty(derive(item)).is_empty());
    }
}

/// Returns the expansion of a session with `times` copies of six typical fields.
fn of_size(times: usize) -> proc_macro2::TokenStream {
    let fields = (0..times).map(|index| {
        let name = |name: &str| quote::format_ident!("{name}{index}");
        let (cart, theme, code, notice, visits, user) =
            (name("cart_items"), name("theme"), name("one_time_code"), name("notice"), name("visits"), name("user_id"));
        quote! {
            /// The cart's items.
            #[session(atomic)]
            pub #cart: Vec<Line>,
            pub #theme: Theme,
            #[session(expires = 5m)]
            pub #code: Option<String>,
            #[session(flash)]
            pub #notice: Option<String>,
            #[session(counter)]
            pub #visits: u64,
            pub #user: Option<u64>,
        }
    });
    derive(quote!(#[session(idle = 30m, absolute = 12h)] pub struct Shop { #(#fields)* }))
}

// Every user compiles this code, so its size has a limit: 28 lines and 1,200 bytes per field, and 90 lines per struct, as the
// compiler prints it. The nightly compiler's `-Zmacro-stats` counts 23, 1,162 and 48. The printer in this test breaks lines more
// often, into 30 per field instead of 23, so the test allows 31.
#[test]
fn the_expansion_stays_within_its_budget() {
    let (one, two) = (pretty(of_size(1)), pretty(of_size(2)));
    let lines = (two.lines().count() - one.lines().count()).div_ceil(6);
    let bytes = (two.len() - one.len()).div_ceil(6);
    let fixed = one.lines().count() - 6 * lines;
    assert!(
        lines <= 31 && bytes <= 1_200 && fixed <= 90,
        "{lines} lines, {bytes} bytes a field, {fixed} lines a struct"
    );
}
