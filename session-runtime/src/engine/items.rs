//! Lists of encoded values: joins and shortens MessagePack arrays without decoding their items.

use std::fmt;

use rmp::{decode, encode};

/// A sequence of encoded values.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Items {
    count: u32,
    bytes: Vec<u8>,
}

impl fmt::Debug for Items {
    // Values may be secret: B12.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} items: {} bytes", self.count, self.bytes.len())
    }
}

impl Items {
    /// Returns the items of an encoded array; no items if `array` does not encode one.
    pub(crate) fn of(array: &[u8]) -> Self {
        let mut rest = array;
        match decode::read_array_len(&mut rest) {
            Ok(count) => Self { count, bytes: rest.to_vec() },
            Err(_) => Self::default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds the items of an encoded array.
    pub(crate) fn append(&mut self, array: &[u8]) {
        self.extend(Self::of(array));
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.bytes.extend(more.bytes);
    }

    /// Removes `taken` from the front of this list. If the list does not start with `taken`, returns it unchanged: the taken
    /// items are already gone, and the items here were added later.
    pub(crate) fn without(self, taken: &Self) -> Self {
        match self.bytes.strip_prefix(taken.bytes.as_slice()) {
            Some(rest) if self.count >= taken.count => Self { count: self.count - taken.count, bytes: rest.to_vec() },
            _ => self,
        }
    }

    /// Removes `put` from the end of this list. `None` if the list does not end with `put`.
    pub(crate) fn before(&self, put: &Self) -> Option<Self> {
        let rest = self.bytes.strip_suffix(put.bytes.as_slice())?;
        Some(Self { count: self.count.checked_sub(put.count)?, bytes: rest.to_vec() })
    }

    /// Returns the encoded array.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut array = Vec::with_capacity(self.bytes.len() + 5);
        // Writing to a vector cannot fail.
        let _ = encode::write_array_len(&mut array, self.count);
        array.extend_from_slice(&self.bytes);
        array
    }
}

#[cfg(test)]
mod tests {
    use super::Items;

    #[test]
    fn items_can_be_joined_and_shortened() {
        let (one, two) = (Items::of(&[0x91, 1]), Items::of(&[0x92, 2, 3]));
        let mut all = one.clone();
        all.extend(two.clone());
        assert_eq!(all.encode(), [0x93, 1, 2, 3]);
        assert_eq!(all.clone().without(&one), two);
        assert_eq!(all.clone().without(&two), all);
        assert_eq!((all.before(&two), all.before(&one)), (Some(one), None));
        assert!(Items::of(&[0xc0]).is_empty());
    }

    #[test]
    fn sixteen_items_need_a_longer_head() {
        let mut all = Items::default();
        for item in 0..16 {
            all.append(&[0x91, item]);
        }
        assert_eq!(&all.encode()[..3], [0xdc, 0, 16]);
        assert_eq!(Items::of(&all.encode()), all);
    }
}
