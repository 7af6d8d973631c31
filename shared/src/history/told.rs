//! The past as bytes: what the head answers to who asks for postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Stretch;
use crate::wire::value_from_postcard;

/// How a body of postcard is called in HTTP.
pub const POSTCARD: &str = "application/vnd.headroom.postcard";

/// Bytes of the length before each stretch.
const LENGTH: usize = 4;

/// `value` as postcard.
#[must_use]
pub fn to_postcard(value: &impl Serialize) -> Vec<u8> {
    // What is said of the past has nothing that postcard cannot say.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// What `bytes` say; what trails, as a newer head may say more, is skipped.
#[must_use]
pub fn from_postcard<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    value_from_postcard(bytes).ok()
}

impl Stretch {
    /// Appends its length and itself.
    pub fn write(&self, out: &mut Vec<u8>) {
        let bytes = to_postcard(self);
        out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&bytes);
    }

    /// The stretches of a body; `None` if it ends within one, or has something else.
    #[must_use]
    pub fn read_all(mut body: &[u8]) -> Option<Vec<Self>> {
        let mut all = Vec::new();
        while !body.is_empty() {
            let (length, rest) = body.split_first_chunk::<LENGTH>()?;
            let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            all.push(from_postcard(bytes)?);
            body = rest;
        }
        Some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_follow_each_other() {
        let stretch = |id: &str| Stretch { id: id.into(), step_ms: 1000, ..Stretch::default() };
        let mut body = Vec::new();
        stretch("pi-1").write(&mut body);
        stretch("pi-2").write(&mut body);
        let read = Stretch::read_all(&body).unwrap();
        assert_eq!(read, [stretch("pi-1"), stretch("pi-2")]);
        assert_eq!(Stretch::read_all(&[]), Some(Vec::new()));
        body.pop();
        assert_eq!(Stretch::read_all(&body), None);
        assert_eq!(Stretch::read_all(&[255, 255, 255, 255, 0]), None);
    }
}
