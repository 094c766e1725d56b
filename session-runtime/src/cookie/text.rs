//! Encodes any text as the value of a plain cookie: characters that a cookie cannot hold are percent-encoded.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

/// All ASCII characters that are not a `cookie-octet` (RFC 6265bis, section 4.1.1; SECURITY S28), and `%`, so that decoding
/// returns the same text. The encoder always encodes characters beyond ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';').add(b'\\');

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Returns the text of a value, including values that another program wrote: a `%` without two hexadecimal digits stays as it
/// is. `None` if the text is not UTF-8.
pub(crate) fn decode(value: &[u8]) -> Option<String> {
    percent_decode(value).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_characters_that_a_cookie_cannot_hold_are_encoded() {
        assert_eq!(encode("dark"), "dark");
        assert_eq!(encode("a+b/c=d&e:f!#$'()*-.<>?@[]^_`{|}~"), "a+b/c=d&e:f!#$'()*-.<>?@[]^_`{|}~");
        assert_eq!(encode("two apples; \"100%\", \\"), "two%20apples%3B%20%22100%25%22%2C%20%5C");
        assert_eq!(encode("\r\n\0\u{7f}é"), "%0D%0A%00%7F%C3%A9");
    }

    #[test]
    fn values_that_other_programs_wrote_are_decoded() {
        for (value, text) in [
            (&b"100%"[..], Some("100%")),
            (b"%zz%4", Some("%zz%4")),
            (b"a+b", Some("a+b")),
            (b"\"dark\"", Some("\"dark\"")),
            (b"a b,c\\", Some("a b,c\\")),
            ("é".as_bytes(), Some("é")),
            (b"%C3%A9", Some("é")),
            (b"\xff", None),
            (b"%FF", None),
            (b"%C3", None),
        ] {
            assert_eq!(decode(value).as_deref(), text, "{}", value.escape_ascii());
        }
    }

    proptest! {
        // S28
        #[test]
        fn any_text_round_trips_in_cookie_octets(text: String) {
            let value = encode(&text);
            let octet = |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
            prop_assert!(value.bytes().all(octet), "{value}");
            prop_assert_eq!(decode(value.as_bytes()), Some(text));
        }
    }
}
