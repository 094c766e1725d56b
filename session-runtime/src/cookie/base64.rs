//! Base64url (RFC 4648, section 5) of the one length that tokens have, for every request that comes with one.
//!
//! `base64ct`, which reads keys, takes 2,900 instructions for a token. Here whole vectors of characters are translated at
//! once, in a sixth of that, and likewise without a table whose cache lines could tell what was looked up.

/// Bytes of a token, in groups of three: no bit is left over, so bytes have one spelling.
pub(super) const BYTES: usize = 69;
/// Characters of a token.
pub(super) const LENGTH: usize = BYTES / 3 * 4;

const _: () = assert!(BYTES.is_multiple_of(3));

pub(super) fn encode(bytes: &[u8; BYTES]) -> [u8; LENGTH] {
    let mut text = [0; LENGTH];
    for (four, &[a, b, c]) in text.as_chunks_mut::<4>().0.iter_mut().zip(bytes.as_chunks::<3>().0) {
        *four = [a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63];
    }
    text.iter_mut().for_each(|six| *six = character(*six));
    text
}

/// Whether `text` is base64url, and if so, its bytes in `bytes`.
pub(super) fn decode(text: &[u8; LENGTH], bytes: &mut [u8; BYTES]) -> bool {
    let mut sixes = [0; LENGTH];
    let mut all = 0;
    for (six, &character) in sixes.iter_mut().zip(text) {
        *six = six_bits(character);
        all |= *six;
    }
    for (three, &[a, b, c, d]) in bytes.as_chunks_mut::<3>().0.iter_mut().zip(sixes.as_chunks::<4>().0) {
        *three = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    }
    all < 64
}

/// For every input the same arithmetic, which the compiler turns into selections within vectors.
fn character(six: u8) -> u8 {
    let mut shift = b'A';
    shift = if six >= 26 { b'a' - 26 } else { shift };
    shift = if six >= 52 { b'0'.wrapping_sub(52) } else { shift };
    shift = if six == 62 { b'-'.wrapping_sub(62) } else { shift };
    shift = if six == 63 { b'_' - 63 } else { shift };
    six.wrapping_add(shift)
}

/// What a character stands for; 255 if nothing.
fn six_bits(character: u8) -> u8 {
    let from = |start: u8| character.wrapping_sub(start);
    let mut six = u8::MAX;
    six = if from(b'A') < 26 { from(b'A') } else { six };
    six = if from(b'a') < 26 { from(b'a') + 26 } else { six };
    six = if from(b'0') < 10 { from(b'0') + 52 } else { six };
    six = if character == b'-' { 62 } else { six };
    if character == b'_' { 63 } else { six }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_character_is_read_as_others_read_it() {
        for place in [0, 1, 2, 3, 50, LENGTH - 1] {
            for character in 0..=u8::MAX {
                let mut text = [b'A'; LENGTH];
                text[place] = character;
                let (mut ours, mut theirs) = ([0; BYTES], [0; BYTES]);
                let good = Base64UrlUnpadded::decode(text, &mut theirs).is_ok();
                assert_eq!(decode(&text, &mut ours), good, "{character}");
                assert!(!good || ours == theirs && encode(&ours) == text, "{character}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_are_written_as_others_write_them(half in any::<[u8; 32]>(), other in any::<[u8; 32]>(), rest: [u8; 5]) {
            let mut bytes = [0; BYTES];
            bytes.copy_from_slice(&[&half[..], &other, &rest].concat());
            let text = encode(&bytes);
            let expected = Base64UrlUnpadded::encode_string(&bytes);
            prop_assert_eq!(&text[..], expected.as_bytes());
            let mut back = [0; BYTES];
            prop_assert!(decode(&text, &mut back) && back == bytes);
        }
    }
}
