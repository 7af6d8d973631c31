//! Reads postcard. The same format as the crate of that name writes; but what is wrong is said in one
//! word, while the crate, through serde, brings the code to say it in sentences that nobody sees: a
//! twentieth of the page.

use std::fmt::Display;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected,
    IntoDeserializer as _, SeqAccess, Unexpected, VariantAccess, Visitor,
};

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its bytes end early, or mean nothing")]
pub struct Malformed;

impl Error for Malformed {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }
    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }
    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }
    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }
    fn missing_field(_: &'static str) -> Self {
        Self
    }
    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// What stands at the beginning of `bytes`; what trails is skipped.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Malformed> {
    T::deserialize(&mut Bytes(bytes))
}

/// What is still to be read.
struct Bytes<'de>(&'de [u8]);

impl<'de> Bytes<'de> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(first)
    }

    /// Seven bits in a byte, the lowest first.
    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    fn length(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.number()?).map_err(|_| Malformed)
    }

    fn text(&mut self) -> Result<&'de str, Malformed> {
        let length = self.length()?;
        let (text, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Malformed)
    }
}

type Read<V> = Result<V, Malformed>;

impl<'de> Deserializer<'de> for &mut Bytes<'de> {
    type Error = Malformed;

    fn is_human_readable(&self) -> bool {
        false
    }

    /// The format does not say what stands in it.
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Read<V::Value> {
        Err(Malformed)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Malformed),
        }
    }

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u8(self.byte()?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u16(u16::try_from(self.number()?).map_err(|_| Malformed)?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u32(u32::try_from(self.number()?).map_err(|_| Malformed)?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let folded = u32::try_from(self.number()?).map_err(|_| Malformed)?;
        visitor.visit_i32((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let (bits, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        visitor.visit_f64(f64::from_le_bytes(*bits))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(Malformed),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let left = self.length()?;
        visitor.visit_seq(Items { bytes: self, left, may_lack: false })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(Items { bytes: self, left, may_lack: false })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_seq(Items { bytes: self, left: fields.len(), may_lack: true })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_enum(self)
    }

    // What no message has.
    serde::forward_to_deserialize_any! {
        i8 i16 i64 i128 u128 f32 char bytes byte_buf unit unit_struct tuple_struct map
        identifier ignored_any
    }
}

/// So many things, one after the other.
struct Items<'a, 'de> {
    bytes: &'a mut Bytes<'de>,
    left: usize,
    /// Whether they are fields, of which the last may be missing: an older version ends before them. A
    /// field that has no default is an error then, as it must be.
    may_lack: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Malformed;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.left == 0 || (self.may_lack && self.bytes.0.is_empty()) {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.bytes).map(Some)
    }

    /// No more than there are bytes: who counts on more is not told so.
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.bytes.0.len()))
    }
}

impl<'de> EnumAccess<'de> for &mut Bytes<'de> {
    type Error = Malformed;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Read<(V::Value, Self)> {
        let kind = u32::try_from(self.number()?).map_err(|_| Malformed)?;
        Ok((seed.deserialize(kind.into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Bytes<'de> {
    type Error = Malformed;

    fn unit_variant(self) -> Read<()> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Read<V::Value> {
        visitor.visit_seq(Items { bytes: self, left, may_lack: false })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_seq(Items { bytes: self, left: fields.len(), may_lack: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Plain,
        Of(u16),
        With { text: String, of: Option<Box<u64>> },
        Two(bool, u8),
    }

    /// A message of one version, and of the next.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Older {
        first: u16,
        list: Vec<u8>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newer {
        first: u16,
        list: Vec<u8>,
        #[serde(default)]
        more: Option<String>,
        #[serde(default)]
        count: u32,
    }

    #[test]
    fn versions_read_each_other() {
        let newer = Newer { first: 1, list: vec![2, 3], more: Some("x".into()), count: 7 };
        let older = Older { first: 1, list: vec![2, 3] };
        assert_eq!(decode(&postcard::to_allocvec(&newer).unwrap()), Ok(Older { ..older }));
        let bytes = postcard::to_allocvec(&Older { first: 1, list: vec![2, 3] }).unwrap();
        assert_eq!(decode(&bytes), Ok(Newer { more: None, count: 0, ..newer }));
        // What was always there must be there, and what was begun must end.
        assert_eq!(decode::<Newer>(&bytes[..bytes.len() - 1]), Err(Malformed));
        assert_eq!(decode::<Newer>(&[&bytes[..], &[1, 5, 65]].concat()), Err(Malformed));
        assert_eq!(decode::<Older>(&bytes[..1]), Err(Malformed));
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Plain),
            any::<u16>().prop_map(Kind::Of),
            (any::<String>(), any::<Option<u64>>())
                .prop_map(|(text, of)| Kind::With { text, of: of.map(Box::new) }),
            any::<(bool, u8)>().prop_map(|(a, b)| Kind::Two(a, b)),
        ]
    }

    proptest! {
        #[test]
        fn reads_what_the_crate_writes(value: (Vec<u8>, u32, i32, Vec<Option<String>>), kinds in proptest::collection::vec(kind(), 0..5)) {
            let whole = (value, kinds);
            let bytes = postcard::to_allocvec(&whole).unwrap();
            let longer = [&bytes[..], &[7]].concat();
            prop_assert_eq!(decode(&longer), Ok(whole));
            let short = decode::<((Vec<u8>, u32, i32, Vec<Option<String>>), Vec<Kind>)>(&bytes[..bytes.len() - 1]);
            prop_assert_eq!(short, Err(Malformed));
        }

        #[test]
        fn any_bytes_are_read_or_refused_as_the_crate_does(bytes: Vec<u8>) {
            type Whole = (u16, bool, Option<u64>, i32, String, Kind, Vec<u8>);
            let ours = decode::<Whole>(&bytes).ok();
            let theirs = postcard::take_from_bytes::<Whole>(&bytes).ok().map(|(value, _)| value);
            prop_assert_eq!(ours, theirs);
        }
    }
}
