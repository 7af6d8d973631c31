//! One reading of one node: for each field a value, or none where that kernel lacks it.

use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Field;

const COUNT: usize = Field::ALL.len();
const MASK: usize = COUNT.div_ceil(8);

/// One reading of one node. Values are integers in the unit of their [`Field`].
///
/// In JSON it is an object of field ids, `null` for what is missing; ids a reader does not know are
/// skipped. In postcard it is a presence mask (bytes, lowest field first, no trailing zeros) and the
/// present values in table order; values of fields a reader does not know are dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Sample {
    /// One bit for each field, lowest first: whether it is known.
    present: [u8; MASK],
    /// 0 where a field is not known.
    values: [u64; COUNT],
}

impl Default for Sample {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.iter().filter_map(|(field, value)| Some((field, value?)));
        f.debug_map().entries(known).finish()
    }
}

impl Sample {
    /// Nothing known.
    pub const EMPTY: Self = Self { present: [0; MASK], values: [0; COUNT] };

    /// The value of `field`, in the field's unit.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<u64> {
        let index = field as usize;
        (self.present[index / 8] & (1 << (index % 8)) != 0).then(|| self.values[index])
    }

    /// Sets `field`, in the field's unit.
    pub fn set(&mut self, field: Field, value: Option<u64>) {
        let index = field as usize;
        let bit = 1 << (index % 8);
        if value.is_some() {
            self.present[index / 8] |= bit;
        } else {
            self.present[index / 8] &= !bit;
        }
        self.values[index] = value.unwrap_or(0);
    }

    /// Each field with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Field, Option<u64>)> + '_ {
        Field::ALL.iter().map(|&field| (field, self.get(field)))
    }
}

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            let mut map = serializer.serialize_map(Some(COUNT))?;
            for (field, value) in self.iter() {
                map.serialize_entry(field.def().id, &value)?;
            }
            return map.end();
        }
        let used = self.present.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let values: Vec<u64> = self.iter().filter_map(|(_, value)| value).collect();
        (&self.present[..used], values).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_map(ById);
        }
        let (mask, values) = <(Vec<u8>, Vec<u64>)>::deserialize(deserializer)?;
        let present = mask.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
        if present != values.len() {
            return Err(D::Error::custom(format_args!(
                "the mask names {present} fields, but {} values follow",
                values.len()
            )));
        }
        let mut sample = Self::EMPTY;
        let ids = (0..mask.len() * 8).filter(|id| mask[id / 8] & (1 << (id % 8)) != 0);
        for (id, value) in ids.zip(values) {
            if let Some(&field) = Field::ALL.get(id) {
                sample.set(field, Some(value));
            }
        }
        Ok(sample)
    }
}

struct ById;

impl<'de> Visitor<'de> for ById {
    type Value = Sample;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of field ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sample, A::Error> {
        let mut sample = Sample::EMPTY;
        while let Some(id) = map.next_key::<String>()? {
            if let Some(field) = Field::by_id(&id) {
                sample.set(field, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(sample)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_skips_what_it_does_not_know() {
        let sample: Sample =
            serde_json::from_str(r#"{"total": 4096, "from_the_future": {"a": [1]}, "free": null}"#)
                .unwrap();
        assert_eq!(sample.get(Field::Total), Some(4096));
        assert_eq!(sample.get(Field::Free), None);
    }

    #[test]
    fn postcard_drops_fields_of_a_newer_agent() {
        // Field 0 and field 200, which no table has yet.
        let mut mask = vec![0_u8; 26];
        mask[0] = 1;
        mask[25] = 1;
        let bytes = postcard::to_allocvec(&(mask, vec![7_u64, 8])).unwrap();
        let sample: Sample = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(sample.get(Field::Total), Some(7));
        assert_eq!(sample.iter().filter(|(_, value)| value.is_some()).count(), 1);
    }

    #[test]
    fn postcard_refuses_a_mask_that_lies() {
        let bytes = postcard::to_allocvec(&(vec![3_u8], vec![7_u64])).unwrap();
        postcard::from_bytes::<Sample>(&bytes).unwrap_err();
    }
}
