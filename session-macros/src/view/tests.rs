//! Compares the expansion of a view with a file, and checks that every expansion parses.
#![allow(clippy::unwrap_used, clippy::panic)]

use proc_macro2::TokenStream;
use quote::quote;

use super::view;

fn pretty(expansion: TokenStream) -> String {
    let text = expansion.to_string();
    let file = syn::parse2(expansion).unwrap_or_else(|error| panic!("{error} in {text}"));
    prettyplease::unparse(&file)
}

#[test]
fn the_expansion_is_as_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/view/example.txt");
    let expansion = pretty(view(
        quote!(Shop, or_redirect = "/login", fresh = 10m, stale_redirect = "/confirm"),
        quote! {
            /// Only for signed-in visitors.
            #[derive(Debug)]
            pub struct SignedIn {
                pub user_id: u64,
                #[cfg(feature = "themes")]
                pub theme: Theme,
            }
        },
    ));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &expansion).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(kept, expansion, "if the change is intended, run the tests with BLESS=1 to update src/view/example.txt");
}

#[test]
fn the_item_comes_first_and_untouched() {
    for item in [
        quote!(
            #[doc = "a"]
            #[cfg_attr(all(), derive(Debug))]
            pub(crate) struct V {
                #[serde(rename = "b")]
                a: u8,
            }
        ),
        quote!(
            enum E {
                A,
            }
        ),
        quote!(
            fn f() {}
        ),
    ] {
        for arguments in [quote!(Shop), quote!(), quote!(Shop, colour, or_status = 1)] {
            let expansion = view(arguments, item.clone()).to_string();
            assert!(expansion.starts_with(&item.to_string()), "{expansion}");
        }
    }
}

/// Returns the errors of a view with these arguments.
fn faults(arguments: TokenStream) -> Vec<String> {
    let expansion = view(
        arguments,
        quote!(
            struct V {
                a: u8,
            }
        ),
    )
    .to_string();
    let faults = expansion.split("compile_error ! {").skip(1);
    faults.filter_map(|rest| Some(rest.split('"').nth(1)?.to_owned())).collect()
}

#[test]
fn valid_arguments_have_no_faults() {
    for arguments in [
        quote!(Shop),
        quote!(Shop,),
        quote!(crate::shop::Shop),
        quote!(::shop::Shop, or_status = 404),
        quote!(Shop, or_redirect = "/login?plain", fresh = 1h 30m),
        quote!(Shop, fresh = "10m", crate = my::runtime),
        quote!(Shop, fresh = limits::RECENT, or_status = 4_0_4),
    ] {
        assert_eq!(faults(arguments.clone()), [""; 0], "{arguments}");
    }
}

#[test]
fn every_fault_is_reported_once() {
    for (arguments, count) in [
        (quote!(), 1),
        (quote!(or_redirect = "/login"), 1),
        (quote!(or_redirect = "/login", Shop), 1),
        (quote!(fresh = 10m, shop::Shop), 1),
        (quote!("Shop"), 1),
        (quote!(Shop or_status = 404), 1),
        (quote!(Shop<u8>, or_status = 404), 1),
        (quote!(Shop, or_status = 200, or_status = 404), 2),
        (quote!(Shop, or_status = 404, or_redirect = "/login"), 1),
        (quote!(Shop, or_status = "404", or_redirect = 5, fresh), 3),
        (quote!(Shop, or_redirct = "/login", colour, idle = 5m), 3),
        (quote!(Shop, or_redirect("/login"), fresh = 10), 2),
        (quote!(Shop, Other), 1),
        (quote!(Shop, or_redirect =, = 5), 2),
    ] {
        let faults = faults(arguments.clone());
        assert_eq!(faults.len(), count, "{arguments}: {faults:?}");
    }
}

#[test]
fn a_view_redirects_only_to_paths_of_its_site() {
    for path in ["/", "/login", "/a/b?c=d&e", "/caf%C3%A9", "/a//b"] {
        assert_eq!(faults(quote!(Shop, or_redirect = #path)), [""; 0], "{path}");
    }
    for path in [
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "https://a",
        "/a b",
        "/a\n",
        "/a#b",
        "/é",
        "/\u{202e}",
    ] {
        assert_eq!(faults(quote!(Shop, or_redirect = #path)).len(), 1, "{path}");
    }
    let long = format!("/{}", "a".repeat(2048));
    assert_eq!(faults(quote!(Shop, or_redirect = #long)).len(), 1);
}

#[test]
fn every_form_of_item_expands_to_code() {
    for item in [
        quote!(
            struct Unit;
        ),
        quote!(
            struct Tuple(u8, u8);
        ),
        quote!(
            struct Braces {}
        ),
        quote!(
            enum Choice {
                This,
                That { field: u8 },
            }
        ),
        quote!(union Either { a: u8 }),
        quote!(
            struct Lifetimes<'a, 'b: 'a> {
                a: &'a str,
                b: std::borrow::Cow<'b, str>,
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
        quote!(
            #[a]
            pub(in crate::b) async fn f() {}
        ),
        quote!(
            mod m {}
        ),
    ] {
        for arguments in [quote!(Shop, fresh = 5m), quote!(or_status = 404)] {
            assert!(!pretty(view(arguments, item.clone())).is_empty());
        }
    }
}
