//! The past, on disk. Knows readings and nothing of how they came.
//!
//! # Layout
//!
//! * [`store`]: what is written, in one commit for all nodes; `work` is one commit while it is made,
//!   with `roll` for what becomes coarser, `retain` for what goes, and `extra` for what is no reading.
//! * [`reader`]: what is read of it, as of one moment; `lens` looks at one node, `index` knows where
//!   what is, and `status` tells how it fares.
//! * [`query`]: what is asked of it.
//! * [`tell`]: it as text or bytes for others.
//! * [`cell`]: what becomes of readings that share a bucket.
//! * [`check`]: whether it is what was written.
//! * [`copy`]: a copy of it, while more is written; [`frames`] is that as bytes.
//! * `open` and `place`: the file, its version, and what happens when the disk does not do as told.
//! * `segment`: how chunks lie in the file; `chunk` is one of readings, `grid` one of buckets. Both
//!   are a `sheet` of `column`s; `relate` knows what need not be written. `tiers` says which stretch of
//!   time is written as one.

mod bytes;
pub mod cell;
pub mod check;
mod chunk;
mod column;
pub mod copy;
mod error;
mod extra;
pub mod frames;
mod grid;
mod index;
mod lens;
mod open;
mod place;
pub mod query;
pub mod reader;
mod relate;
mod retain;
mod roll;
mod segment;
mod sheet;
mod spans;
mod status;
pub mod store;
pub mod tell;
mod tiers;
mod work;

pub use cell::{Cell, Row};
pub use check::{Checked, Holding};
pub use copy::Record;
pub use error::StoreError;
pub use reader::{Ask, Reader};
pub use store::{Committed, Extra, Limits, Store};

#[cfg(test)]
mod tests;
