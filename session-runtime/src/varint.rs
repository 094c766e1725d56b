//! Reads and writes unsigned numbers in LEB128: seven bits per byte, the lowest first, the top bit set on all bytes but the last.

/// Returns how many bytes [`write`] writes for a number.
pub(crate) const fn length(number: u64) -> usize {
    ((70 - (number | 1).leading_zeros()) / 7) as usize
}

pub(crate) fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Returns the number at the start of `bytes`, and the rest. `None` if `bytes` ends within the number, or if it exceeds 64 bits.
#[inline]
pub(crate) fn split_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        return Some((first.into(), rest));
    }
    let mut number = u64::from(first & 0x7f);
    for (at, &byte) in rest.iter().enumerate().take(9) {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * (at as u32 + 1);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some((number, &rest[at + 1..]));
        }
    }
    None
}

/// Encodes a signed difference as a number that is small when the difference is: 0, -1, 1, -2 become 0, 1, 2, 3.
pub(crate) const fn zigzag(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(crate) const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_round_trip(number: u64, shift in 0..64_u32, rest: Vec<u8>) {
            let number = number >> shift;
            let mut bytes = Vec::new();
            write(&mut bytes, number);
            prop_assert_eq!(bytes.len(), length(number));
            bytes.extend(&rest);
            prop_assert_eq!(split_number(&bytes).unwrap(), (number, &rest[..]));
        }

        #[test]
        fn differences_round_trip(difference: i64) {
            prop_assert_eq!(unzigzag(zigzag(difference)), difference);
        }

        // S59
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let _ = split_number(&bytes);
        }
    }

    #[test]
    fn numbers_beyond_64_bits_or_cut_short_are_rejected() {
        assert_eq!(split_number(&[0xff; 10]), None);
        assert_eq!(split_number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]), None);
        assert_eq!(split_number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), Some((u64::MAX, &[][..])));
        assert_eq!(split_number(&[0x80]), None);
    }
}
