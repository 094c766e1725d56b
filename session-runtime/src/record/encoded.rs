//! A record as bytes, for stores that keep it whole: MessagePack by name, so that a build can read what its neighbour in a
//! rolling deploy wrote with one part more.

use serde::Serialize as _;

use super::Record;

impl Record {
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) -> Result<(), rmp_serde::encode::Error> {
        bytes.reserve(512 + self.fields.as_bytes().len());
        self.serialize(&mut rmp_serde::Serializer::new(bytes).with_struct_map())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }
}
