//! The past, on disk. Knows readings and nothing of how they came.
//!
//! # Layout
//!
//! * [`store`]: what is written, in one commit for all nodes.
//! * [`reader`]: what is read of it, as of one moment.
//! * [`query`]: what is asked of it.
//! * [`tell`]: it as text or bytes for others.
//! * [`cell`]: what becomes of readings that share a bucket.
//! * [`check`]: whether it is what was written.
//! * [`copy`]: a copy of it, while more is written.
//! * [`frames`]: that as bytes.

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
