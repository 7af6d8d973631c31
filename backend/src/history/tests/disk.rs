//! A disk that loses power, and one that fails.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::history::place::Place;

/// A sector: what a disk writes wholly or not at all.
const SECTOR: usize = 512;
const BLOCK: u64 = 4096;
/// Blocks that are set aside for a full disk.
const RESERVE: usize = 32;

/// What was done to a disk.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) bytes: Vec<u8>,
    /// All that was done, if it is to be remembered.
    pub(super) log: Option<Vec<Op>>,
    /// So many more operations succeed, and then one fails.
    pub(super) fails_after: Option<usize>,
    /// How it fails.
    pub(super) error: Option<io::ErrorKind>,
    /// It fails from then on until this is set.
    pub(super) is_lasting: bool,
    /// Blocks that were written to, of which there may be so many.
    written: BTreeSet<u64>,
    pub(super) most_blocks: Option<usize>,
    /// Blocks that are set aside.
    pub(super) reserve: usize,
    /// Nothing can be written.
    pub(super) is_read_only: bool,
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        if self.is_read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        match self.fails_after.as_mut() {
            Some(0) => {
                if !self.is_lasting {
                    self.fails_after = None;
                }
                Err(self.error.unwrap_or(io::ErrorKind::Other).into())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take_blocks(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let blocks = offset / BLOCK..(offset + len as u64).div_ceil(BLOCK);
        let fresh = blocks.clone().filter(|block| !self.written.contains(block)).count();
        let most = self.most_blocks.unwrap_or(usize::MAX);
        if self.written.len() + self.reserve + fresh > most {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.written.extend(blocks);
        Ok(())
    }

    pub(super) fn blocks(&self) -> usize {
        self.written.len() + self.reserve
    }

    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Write(offset, data) => {
                let end = *offset as usize + data.len();
                if self.bytes.len() < end {
                    self.bytes.resize(end, 0);
                }
                self.bytes[*offset as usize..end].copy_from_slice(data);
            }
            Op::SetLen(len) => self.bytes.resize(*len as usize, 0),
            Op::Sync => {}
        }
    }

    /// Writes of `op` only those sectors for which `is_kept` says so.
    pub(super) fn tear(&mut self, op: &Op, mut is_kept: impl FnMut(usize) -> bool) {
        match op {
            Op::Write(offset, data) => {
                for (n, sector) in data.chunks(SECTOR).enumerate() {
                    if is_kept(n) {
                        let offset = offset + (n * SECTOR) as u64;
                        self.apply(&Op::Write(offset, sector.to_vec()));
                    }
                }
            }
            op if is_kept(0) => self.apply(op),
            _ => {}
        }
    }
}

/// Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, ..State::default() })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn run(&self, op: Op) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        if let Op::Write(offset, data) = &op {
            state.take_blocks(*offset, data.len())?;
        }
        state.apply(&op);
        if let Some(log) = &mut state.log {
            log.push(op);
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let from = state.bytes.get(offset as usize..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.run(Op::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.run(Op::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.run(Op::Write(offset, data.to_vec()))
    }
}

impl Place for Disk {
    fn path(&self) -> &Path {
        Path::new("/a/disk")
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        if self.state().is_read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        Ok(Box::new(self.clone()))
    }

    fn look(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.clone()))
    }

    fn reserve(&self) -> bool {
        let mut state = self.state();
        let most = state.most_blocks.unwrap_or(usize::MAX);
        if state.reserve == 0 && state.written.len() + RESERVE <= most {
            state.reserve = RESERVE;
        }
        state.reserve > 0
    }

    fn give_up(&self) {
        self.state().reserve = 0;
    }
}
