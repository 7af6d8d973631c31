//! A chunk of readings: one boot of one node, for up to an hour.

use std::sync::Arc;

use shared::history::Kept;
use shared::wire::Reading;
use shared::{Field, Sample};

use super::error::Fault;
use super::sheet::{Gaps, Sheet, SheetWriter, Source};

const SEQ: u32 = 0;
const UPTIME: u32 = 1;
/// `at_ms`, less the uptime in ms: it stays the same as long as no clock is set.
const AT: u32 = 2;
/// The first field; the others follow in the order of their ids.
const FIELDS: u32 = 8;

/// Fields that the kernel makes of two others: what is left of them is written, where it is the same in
/// all rows, behind all fields.
const SUMS: [(Field, [Field; 2]); 3] = [
    (Field::Slab, [Field::SlabReclaimable, Field::SlabUnreclaimable]),
    (Field::Active, [Field::ActiveFile, Field::ActiveAnon]),
    (Field::Inactive, [Field::InactiveFile, Field::InactiveAnon]),
];
/// The first of what is left; the others follow in the order of their fields' ids.
const RESTS: u32 = 1024;

/// What is left of `field` without the parts that the kernel makes it of, if that is always the same.
fn rest(kept: &[Kept], field: Field) -> Option<u64> {
    let (_, [a, b]) = SUMS.iter().find(|(sum, _)| *sum == field)?;
    let rest = |kept: &Kept| {
        let sample = &kept.reading.sample;
        Some(sample.get(field)?.wrapping_sub(sample.get(*a)?.wrapping_add(sample.get(*b)?)))
    };
    let first = rest(kept.first()?)?;
    kept.iter().all(|kept| rest(kept) == Some(first)).then_some(first)
}

/// Appends the chunk of `kept`, of which there must be one at least, in the order of their numbers.
pub(super) fn write(kept: &[Kept], out: &mut Vec<u8>) {
    let mut sheet = SheetWriter::new(kept.len());
    let column = |of: fn(&Kept) -> u64| kept.iter().map(of).collect::<Vec<u64>>();
    sheet.push(SEQ, &column(|kept| kept.seq));
    sheet.push(UPTIME, &column(|kept| kept.reading.uptime_us));
    sheet.push(AT, &column(|kept| kept.reading.at_ms.wrapping_sub(kept.reading.uptime_us / 1000)));
    let mut rests = Vec::new();
    for &field in Field::ALL {
        if let Some(rest) = rest(kept, field) {
            rests.push((field, rest));
            continue;
        }
        let values: Vec<_> = kept.iter().map(|kept| kept.reading.sample.get(field)).collect();
        sheet.push_known(FIELDS + field as u32, &values);
    }
    for (field, rest) in rests {
        sheet.push(RESTS + field as u32, &vec![rest; kept.len()]);
    }
    sheet.finish(out);
}

/// A field of a sheet.
fn read<S: Source + ?Sized>(
    sheet: &Sheet<'_, S>,
    field: Field,
) -> Result<Option<(Vec<u64>, Gaps)>, Fault> {
    let written = sheet.read_known(FIELDS + field as u32)?;
    let Some((_, parts)) = SUMS.iter().find(|(sum, _)| *sum == field && written.is_none()) else {
        return Ok(written);
    };
    let Some(mut sum) = sheet.read(RESTS + field as u32, sheet.rows)? else { return Ok(None) };
    for &part in parts {
        let part = sheet.read(FIELDS + part as u32, sheet.rows)?;
        let part = part.ok_or_else(|| Fault::broken("a part of a sum is missing"))?;
        for (sum, part) in sum.iter_mut().zip(part) {
            *sum = sum.wrapping_add(part);
        }
    }
    Ok(Some((sum, None)))
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
