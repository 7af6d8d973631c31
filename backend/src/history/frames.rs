//! Records of a store as bytes: how a running head hands out a copy of it.

use super::copy::Record;

/// Bytes of the length before each record.
const LENGTH: usize = 4;
/// Bytes of a record at most, so that no stream makes a reader take any amount of memory.
const MOST: usize = 64 << 20;

/// Appends the length of `record` and itself.
pub fn write_record(record: &Record, out: &mut Vec<u8>) {
    let bytes = shared::history::to_postcard(record);
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// Puts records together that come in pieces of any size.
#[derive(Debug, Default)]
pub struct Records(Vec<u8>);

/// A stream that is none of records.
#[derive(Debug, thiserror::Error)]
#[error("this is no copy of a history")]
pub struct NoRecord;

impl Records {
    /// Takes the next piece, and passes on each record that is complete.
    pub fn take<E: From<NoRecord>>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.extend_from_slice(piece);
        let mut rest = self.0.as_slice();
        while let Some((length, after)) = rest.split_first_chunk::<LENGTH>() {
            let length = u32::from_le_bytes(*length) as usize;
            if length > MOST {
                return Err(NoRecord.into());
            }
            let Some((bytes, after)) = after.split_at_checked(length) else { break };
            each(shared::history::from_postcard(bytes).ok_or(NoRecord)?)?;
            rest = after;
        }
        let left = rest.len();
        self.0.drain(..self.0.len() - left);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_in_pieces_of_any_size() {
        let record = |n: u8| Record { table: n, key: vec![n; 3], value: vec![7; 300] };
        let mut body = Vec::new();
        let all: Vec<_> = (0..5).map(record).collect();
        for record in &all {
            write_record(record, &mut body);
        }
        for size in [1, 2, 7, 310, body.len()] {
            let (mut records, mut read) = (Records::default(), Vec::new());
            for piece in body.chunks(size) {
                let push = |record| {
                    read.push(record);
                    Ok::<_, NoRecord>(())
                };
                records.take(piece, push).unwrap();
            }
            assert_eq!(read, all, "{size}");
        }
        let nothing = |_| Ok(());
        Records::default().take::<NoRecord>(&[255; 4], nothing).unwrap_err();
        Records::default().take::<NoRecord>(&[1, 0, 0, 0, 9], nothing).unwrap_err();
    }
}
