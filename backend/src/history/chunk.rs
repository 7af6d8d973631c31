//! A chunk of readings: one boot of one node, for up to an hour.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use shared::history::Kept;
use shared::wire::Reading;
use shared::{Field, Sample};

use super::column;
use super::error::Fault;
use super::relate::{RELATIONS, Relation};
use super::sheet::{Gaps, Sheet, SheetWriter, Source};

const SEQ: u32 = 0;
const UPTIME: u32 = 1;
/// `at_ms`, less the uptime in ms: it stays the same as long as no clock is set.
const AT: u32 = 2;
/// The first field; the others follow in the order of their ids.
const FIELDS: u32 = 8;

/// What is left of the field of the first of [`RELATIONS`]; the others follow in their order.
const RESTS: u32 = 1024;

/// What `relation` leaves of each row; `None` if a row does not know all of it.
fn rests(kept: &[Kept], relation: &Relation) -> Option<Vec<u64>> {
    let rest = |kept: &Kept| {
        let sample = &kept.reading.sample;
        let sum = relation.sum(|field| Ok::<_, Infallible>(sample.get(field)));
        let Ok(sum) = sum;
        Some(sample.get(relation.field)?.wrapping_sub(sum?))
    };
    kept.iter().map(rest).collect()
}

/// The relation by which `field` takes the fewest bytes, and what it leaves; `None` if it takes fewest
/// as it is.
fn related(kept: &[Kept], field: Field, values: &[Option<u64>]) -> Option<(usize, Vec<u64>)> {
    let bytes = |values: &[u64]| {
        let mut bytes = Vec::new();
        column::write(values, &mut bytes);
        bytes.len()
    };
    let of_field = RELATIONS.iter().enumerate().filter(|(_, relation)| relation.field == field);
    let left = of_field.filter_map(|(n, relation)| Some((n, rests(kept, relation)?)));
    let best = left.map(|(n, rests)| (bytes(&rests), n, rests)).min_by_key(|best| best.0)?;
    let own: Vec<u64> = values.iter().copied().flatten().collect();
    (best.0 < bytes(&own)).then_some((best.1, best.2))
}

/// Appends the chunk of `kept`, of which there must be one at least, in the order of their numbers.
pub(super) fn write(kept: &[Kept], out: &mut Vec<u8>) {
    let mut sheet = SheetWriter::new(kept.len());
    let column = |of: fn(&Kept) -> u64| kept.iter().map(of).collect::<Vec<u64>>();
    sheet.push(SEQ, &column(|kept| kept.seq));
    sheet.push(UPTIME, &column(|kept| kept.reading.uptime_us));
    sheet.push(AT, &column(|kept| kept.reading.at_ms.wrapping_sub(kept.reading.uptime_us / 1000)));
    let mut left = BTreeMap::new();
    for &field in Field::ALL {
        let values: Vec<_> = kept.iter().map(|kept| kept.reading.sample.get(field)).collect();
        match related(kept, field, &values) {
            Some((relation, rests)) => drop(left.insert(relation, rests)),
            None => sheet.push_known(FIELDS + field as u32, &values),
        }
    }
    for (relation, rests) in left {
        sheet.push(RESTS + relation as u32, &rests);
    }
    sheet.finish(out);
}

/// A field of a sheet.
fn read<S: Source + ?Sized>(
    sheet: &Sheet<'_, S>,
    field: Field,
) -> Result<Option<(Vec<u64>, Gaps)>, Fault> {
    let written = sheet.read_known(FIELDS + field as u32)?;
    if written.is_some() {
        return Ok(written);
    }
    for (n, relation) in RELATIONS.iter().enumerate().filter(|(_, of)| of.field == field) {
        let Some(mut values) = sheet.read(RESTS + n as u32, sheet.rows)? else { continue };
        let part = |field| match read(sheet, field)? {
            Some((part, None)) => Ok(part),
            _ => Err(Fault::broken("a part of a sum is missing")),
        };
        for &field in relation.plus {
            values.iter_mut().zip(part(field)?).for_each(|(v, part)| *v = v.wrapping_add(part));
        }
        for &field in relation.minus {
            values.iter_mut().zip(part(field)?).for_each(|(v, part)| *v = v.wrapping_sub(part));
        }
        return Ok(Some((values, None)));
    }
    Ok(None)
}

/// One field of readings.
enum Values {
    Unknown,
    Known(Vec<u64>, Gaps),
}

/// Readings of one boot, by their numbers, with some of their fields.
pub(super) struct Taken {
    /// The boot's name.
    pub(super) boot: Arc<str>,
    pub(super) seqs: Vec<u64>,
    pub(super) uptimes_us: Vec<u64>,
    pub(super) at_ms: Vec<u64>,
    /// For each field that was asked for.
    values: Vec<Values>,
}

impl Taken {
    /// Those of a chunk of `len` bytes.
    pub(super) fn read<S: Source + ?Sized>(
        source: &S,
        len: usize,
        boot: Arc<str>,
        fields: &[Field],
    ) -> Result<Self, Fault> {
        let sheet = Sheet::open(source, len)?;
        let column = |id| {
            let column = sheet.read(id, sheet.rows)?;
            column.ok_or_else(|| Fault::broken(format!("it lacks column {id}")))
        };
        let uptimes_us = column(UPTIME)?;
        let at = column(AT)?.into_iter().zip(&uptimes_us);
        let at_ms = at.map(|(at, uptime_us)| at.wrapping_add(uptime_us / 1000)).collect();
        let values = fields.iter().map(|&field| {
            let known = read(&sheet, field)?;
            Ok(known.map_or(Values::Unknown, |(values, gaps)| Values::Known(values, gaps)))
        });
        let values = values.collect::<Result<_, Fault>>()?;
        Ok(Self { boot, seqs: column(SEQ)?, uptimes_us, at_ms, values })
    }

    /// Those of readings that are not on disk.
    pub(super) fn of(boot: Arc<str>, kept: &[&Kept], fields: &[Field]) -> Self {
        let column = |of: fn(&Kept) -> u64| kept.iter().map(|kept| of(kept)).collect::<Vec<u64>>();
        let values = fields.iter().map(|&field| {
            let values = kept.iter().map(|kept| kept.reading.sample.get(field));
            let gaps = values.clone().map(|value| value.is_some()).collect();
            Values::Known(values.map(Option::unwrap_or_default).collect(), Some(gaps))
        });
        Self {
            boot,
            seqs: column(|kept| kept.seq),
            uptimes_us: column(|kept| kept.reading.uptime_us),
            at_ms: column(|kept| kept.reading.at_ms),
            values: values.collect(),
        }
    }

    /// What row `row` knows of the field that was asked for as number `field`.
    pub(super) fn get(&self, field: usize, row: usize) -> Option<u64> {
        match &self.values[field] {
            Values::Known(values, None) => Some(values[row]),
            Values::Known(values, Some(known)) => known[row].then(|| values[row]),
            Values::Unknown => None,
        }
    }

    /// Row `row` as a reading that knows no more than `fields`, which are those that were asked for.
    pub(super) fn kept(&self, row: usize, fields: &[Field]) -> Kept {
        let mut sample = Sample::EMPTY;
        for (n, &field) in fields.iter().enumerate() {
            sample.set(field, self.get(n, row));
        }
        let (at_ms, uptime_us) = (self.at_ms[row], self.uptimes_us[row]);
        Kept { seq: self.seqs[row], reading: Reading { at_ms, uptime_us, sample } }
    }
}
