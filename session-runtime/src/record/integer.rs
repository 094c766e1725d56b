//! Reads and writes counters as MessagePack integers. These range from `i64::MIN` to `u64::MAX`.

/// The most bytes that [`write`] returns.
pub(crate) const MOST: usize = 9;

pub(crate) fn read(mut value: &[u8]) -> Option<i128> {
    let number = match rmp::decode::read_marker(&mut value).ok()? {
        rmp::Marker::FixPos(number) => i128::from(number),
        rmp::Marker::FixNeg(number) => i128::from(number),
        rmp::Marker::U8 => i128::from(u8::from_be_bytes(take(&mut value)?)),
        rmp::Marker::U16 => i128::from(u16::from_be_bytes(take(&mut value)?)),
        rmp::Marker::U32 => i128::from(u32::from_be_bytes(take(&mut value)?)),
        rmp::Marker::U64 => i128::from(u64::from_be_bytes(take(&mut value)?)),
        rmp::Marker::I8 => i128::from(i8::from_be_bytes(take(&mut value)?)),
        rmp::Marker::I16 => i128::from(i16::from_be_bytes(take(&mut value)?)),
        rmp::Marker::I32 => i128::from(i32::from_be_bytes(take(&mut value)?)),
        rmp::Marker::I64 => i128::from(i64::from_be_bytes(take(&mut value)?)),
        _ => return None,
    };
    value.is_empty().then_some(number)
}

fn take<const N: usize>(value: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = value.split_first_chunk()?;
    *value = rest;
    Some(*bytes)
}

/// Encodes a number. A number outside the range becomes the nearest one in it.
pub(crate) fn write(number: i128) -> Vec<u8> {
    let mut value = Vec::with_capacity(MOST);
    // Writing to a vector cannot fail.
    let _ = match u64::try_from(number) {
        Ok(positive) => rmp::encode::write_uint(&mut value, positive),
        Err(_) if number > 0 => rmp::encode::write_uint(&mut value, u64::MAX),
        Err(_) => rmp::encode::write_sint(&mut value, i64::try_from(number).unwrap_or(i64::MIN)),
    };
    value
}
