//! A column: numbers of one kind, one for each row, as few bytes.
//!
//! Its first byte tells in its lower bits how it is written, and in the others how many zero bits all
//! numbers have in common at their end, after the least was taken away:
//!
//! * `SAME`: all are the one that follows.
//! * `EVEN`: the first one, and by how much each differs from the one before.
//! * `STEPS`: the first one, and the difference of each from the one before.
//! * `RARE`: the same, but only of those that differ, each with how many follow it unchanged.
//! * `WORDS2`, `WORDS4`, `WORDS8`: the least one, and pco's chunk of what is left of all, as integers of
//!   so many bytes.

use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::bytes::{Bytes, fold, put, unfold};
use super::error::Fault;

const SAME: u8 = 0;
const EVEN: u8 = 1;
const STEPS: u8 = 2;
const RARE: u8 = 3;
const WORDS2: u8 = 4;
const WORDS4: u8 = 5;
const WORDS8: u8 = 6;
/// How the kinds above are told from the zero bits.
const KIND_BITS: u32 = 3;
const MOST_SHIFT: u32 = 31;

/// Of so few numbers one by one is tried, too.
const FEW: usize = 200;
/// How hard pco tries: what costs much time beyond wins little.
const LEVEL: usize = 8;
/// The version of pco's format that is written here. It is read as long as pco reads it.
const PCO: [u8; 2] = [4, 1];

/// Appends `values`, of which there must be one at least.
pub(super) fn write(values: &[u64], out: &mut Vec<u8>) {
    let first = values[0];
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    if values.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        out.push(if step == 0 { SAME } else { EVEN });
        put(first, out);
        if step != 0 {
            put(fold(step as i64), out);
        }
        return;
    }
    let least = values.iter().copied().min().unwrap_or(0);
    let bits = values.iter().fold(0, |bits, value| bits | (value - least));
    let shift = bits.trailing_zeros().min(MOST_SHIFT);
    let tag = |kind| kind | ((shift as u8) << KIND_BITS);
    let changes = values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let mut best: Option<Vec<u8>> = None;
    let mut offer = |candidate: Vec<u8>| {
        if best.as_ref().is_none_or(|best| candidate.len() < best.len()) {
            best = Some(candidate);
        }
    };
    if values.len() <= FEW {
        let mut bytes = vec![tag(STEPS)];
        put(first, &mut bytes);
        for pair in values.windows(2) {
            put(fold(pair[1].wrapping_sub(pair[0]) as i64 >> shift), &mut bytes);
        }
        offer(bytes);
    }
    if changes <= values.len() / 4 {
        offer(rare(values, changes, shift, tag(RARE)));
    }
    let most = bits >> shift;
    if let Ok(most) = u16::try_from(most) {
        let _ = most;
        packed(values, |v| ((v - least) >> shift) as u16, tag(WORDS2), least, &mut offer);
    } else if let Ok(most) = u32::try_from(most) {
        let _ = most;
        packed(values, |v| ((v - least) >> shift) as u32, tag(WORDS4), least, &mut offer);
    } else {
        packed(values, |v| (v - least) >> shift, tag(WORDS8), least, &mut offer);
    }
    // That pco refuses is not known to happen; then each number is written by itself.
    out.extend(best.unwrap_or_else(|| rare(values, changes, shift, tag(RARE))));
}

fn rare(values: &[u64], changes: usize, shift: u32, tag: u8) -> Vec<u8> {
    let mut bytes = vec![tag];
    put(values[0], &mut bytes);
    put(changes as u64, &mut bytes);
    let mut last = 0;
    for at in (1..values.len()).filter(|&at| values[at] != values[at - 1]) {
        put((at - last - 1) as u64, &mut bytes);
        put(fold(values[at].wrapping_sub(values[at - 1]) as i64 >> shift), &mut bytes);
        last = at;
    }
    bytes
}

fn packed<T: pco::data_types::Number>(
    values: &[u64],
    small: impl Fn(u64) -> T,
    tag: u8,
    least: u64,
    offer: &mut impl FnMut(Vec<u8>),
) {
    let numbers: Vec<T> = values.iter().map(|&value| small(value)).collect();
    for delta in [DeltaSpec::NoOp, DeltaSpec::TryConsecutive(1)] {
        let mut bytes = vec![tag];
        put(least, &mut bytes);
        let config = ChunkConfig::default()
            .with_compression_level(LEVEL)
            .with_mode_spec(ModeSpec::Classic)
            .with_delta_spec(delta);
        let done =
            FileCompressor::default().chunk_compressor(&numbers, &config).and_then(|mut chunk| {
                chunk.write_meta(&mut bytes)?;
                chunk.write_page(0, &mut bytes)?;
                Ok(())
            });
        if done.is_ok() {
            offer(bytes);
        }
    }
}

/// The `count` numbers of a column, which must be all of `bytes`.
pub(super) fn read(bytes: &[u8], count: usize) -> Result<Vec<u64>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut bytes = Bytes(bytes);
    let tag = bytes.byte()?;
    let shift = u32::from(tag >> KIND_BITS);
    let first = bytes.number()?;
    let mut values = Vec::with_capacity(count);
    match tag & ((1 << KIND_BITS) - 1) {
        SAME => values.resize(count, first),
        EVEN => {
            let step = unfold(bytes.number()?) as u64;
            values.extend((0..count as u64).map(|n| first.wrapping_add(step.wrapping_mul(n))));
        }
        STEPS => {
            values.push(first);
            for _ in 1..count {
                let step = unfold(bytes.number()?) << shift;
                values.push(values[values.len() - 1].wrapping_add(step as u64));
            }
        }
        RARE => {
            let mut value = first;
            values.push(value);
            for _ in 0..bytes.number()? {
                let same: usize = bytes.small()?;
                let until = values.len().saturating_add(same);
                if until >= count {
                    return Err(Fault::broken("a column has too many rows"));
                }
                values.resize(until, value);
                value = value.wrapping_add((unfold(bytes.number()?) << shift) as u64);
                values.push(value);
            }
            values.resize(count, value);
        }
        WORDS2 => unpack::<u16>(bytes.0, count, first, shift, &mut values)?,
        WORDS4 => unpack::<u32>(bytes.0, count, first, shift, &mut values)?,
        WORDS8 => unpack::<u64>(bytes.0, count, first, shift, &mut values)?,
        _ => return Err(Fault::broken("a column is of an unknown kind")),
    }
    Ok(values)
}

fn unpack<T: pco::data_types::Number + Default + Into<u64>>(
    bytes: &[u8],
    count: usize,
    least: u64,
    shift: u32,
    values: &mut Vec<u64>,
) -> Result<(), Fault> {
    let mut numbers = vec![T::default(); count];
    let mut read = || {
        let (file, _) = FileDecompressor::new(&PCO[..])?;
        let (mut chunk, rest) = file.chunk_decompressor::<T, _>(bytes)?;
        chunk.page_decompressor(rest, count)?.read(&mut numbers)
    };
    let progress = read().map_err(|error| Fault::broken(format!("a column: {error}")))?;
    if progress.n_processed != count {
        return Err(Fault::broken("a column has too few rows"));
    }
    values.extend(numbers.into_iter().map(|n| least.wrapping_add(n.into() << shift)));
    Ok(())
}
