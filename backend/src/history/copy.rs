//! A store as a stream of records, so that a running head can hand out a copy of it.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use redb::{
    Database, Key, ReadTransaction, ReadableTable, TableDefinition, Value, WriteTransaction,
};
use serde::{Deserialize, Serialize};

use super::error::{Fault, StoreError};
use super::open::{self, BOOTS, EVENTS, FACTS, META, NODES, USAGES, guarded};
use super::place::FilePlace;
use super::segment::{PIECES, SEGMENTS};
use super::store::Store;

/// One of the records that a store is made of. The last one tells how many came before, so that a
/// stream that was cut short is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Of which table.
    pub table: u8,
    /// Its key.
    pub key: Vec<u8>,
    /// What it holds.
    pub value: Vec<u8>,
}

/// The last record's table.
const END: u8 = u8::MAX;
/// Bytes that are restored in one go.
const BATCH: usize = 4 << 20;

/// Does the same with each table, which is given its number.
macro_rules! each_table {
    ($number:ident, $table:ident => $do:expr) => {{
        each_table!(@one $number, $table, 0, META, $do);
        each_table!(@one $number, $table, 1, NODES, $do);
        each_table!(@one $number, $table, 2, BOOTS, $do);
        each_table!(@one $number, $table, 3, EVENTS, $do);
        each_table!(@one $number, $table, 4, FACTS, $do);
        each_table!(@one $number, $table, 5, USAGES, $do);
        each_table!(@one $number, $table, 6, SEGMENTS, $do);
        each_table!(@one $number, $table, 7, PIECES, $do);
    }};
    (@one $number:ident, $table:ident, $n:literal, $definition:ident, $do:expr) => {{
        let ($number, $table) = ($n, $definition);
        $do
    }};
}

/// Tells all records.
pub(super) fn records(
    tx: &ReadTransaction,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let mut count = 0_u64;
    each_table!(number, definition => {
        if of_table(tx, number, definition, &mut count, each)?.is_break() {
            return Ok(());
        }
    });
    let _ = each(Record { table: END, key: Vec::new(), value: count.to_le_bytes().to_vec() });
    Ok(())
}

fn of_table<K: Key + 'static, V: Value + 'static>(
    tx: &ReadTransaction,
    table: u8,
    definition: TableDefinition<'_, K, V>,
    count: &mut u64,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Fault> {
    for entry in tx.open_table(definition)?.iter()? {
        let (key, value) = entry?;
        let (key, value) = (key.value(), value.value());
        let (key, value) = (K::as_bytes(&key), V::as_bytes(&value));
        let record = Record { table, key: key.as_ref().to_vec(), value: value.as_ref().to_vec() };
        *count += 1;
        if each(record).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

impl Store {
    /// Makes a store at `path`, where nothing may be, of the records of another. Nothing is left there
    /// if they are not complete; an error that `records` gives is handed back.
    pub fn restore<E: From<StoreError>>(
        path: &Path,
        records: impl IntoIterator<Item = Result<Record, E>>,
    ) -> Result<(), E> {
        let fault = |error: Fault| E::from(error.at(path));
        if fs::symlink_metadata(path).is_ok() {
            return Err(fault(Fault::Io(io::ErrorKind::AlreadyExists.into())));
        }
        let part = path.with_extension("part");
        fs::remove_file(&part).or_else(missing).map_err(|error| fault(error.into()))?;
        let done = restore(&part, path, records);
        if done.is_err() {
            fs::remove_file(&part).ok();
        }
        done
    }
}

fn missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

fn restore<E: From<StoreError>>(
    part: &Path,
    path: &Path,
    records: impl IntoIterator<Item = Result<Record, E>>,
) -> Result<(), E> {
    let fault = |error: Fault| E::from(error.at(path));
    let place = FilePlace(part.into());
    let database = open::to_write(&place, u64::MAX, &Arc::default()).map_err(fault)?;
    let (mut batch, mut bytes, mut count, mut end) = (Vec::new(), 0, 0_u64, None);
    for record in records {
        let record = record?;
        if record.table == END {
            end = record.value.try_into().ok().map(u64::from_le_bytes);
            break;
        }
        count += 1;
        bytes += record.key.len() + record.value.len();
        batch.push(record);
        if bytes >= BATCH {
            guarded(|| put_all(&database, &batch)).map_err(fault)?;
            batch.clear();
            bytes = 0;
        }
    }
    if end != Some(count) {
        return Err(fault(Fault::broken("the copy is cut short")));
    }
    guarded(|| put_all(&database, &batch)).map_err(fault)?;
    guarded(|| Ok(database.close()?)).map_err(fault)?;
    // What it holds may be of a newer version, or make no sense.
    Store::open_to_read(part)?;
    fs::rename(part, path).map_err(|error| fault(error.into()))
}

fn put_all(database: &Database, records: &[Record]) -> Result<(), Fault> {
    let tx = database.begin_write()?;
    for record in records {
        let mut known = false;
        each_table!(number, definition => if number == record.table {
            known = true;
            put_one(&tx, definition, record)?;
        });
        if !known {
            return Err(Fault::broken("the copy has a table that is not known"));
        }
    }
    tx.commit()?;
    Ok(())
}

fn put_one<K: Key + 'static, V: Value + 'static>(
    tx: &WriteTransaction,
    definition: TableDefinition<'_, K, V>,
    record: &Record,
) -> Result<(), Fault> {
    let fits = |width: Option<usize>, len: usize| width.is_none_or(|width| width == len);
    if !fits(K::fixed_width(), record.key.len()) || !fits(V::fixed_width(), record.value.len()) {
        return Err(Fault::broken("the copy has a record that is too long or too short"));
    }
    let mut table = tx.open_table(definition)?;
    table.insert(K::from_bytes(&record.key), V::from_bytes(&record.value))?;
    Ok(())
}
