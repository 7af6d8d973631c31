//! The past, on disk. Knows readings and nothing of how they came.
//!
//! # Layout
//!
//! * [`store`]: what is written, in one commit for all nodes.
//! * [`reader`]: what is read of it, as of one moment.
//! * [`cell`]: what becomes of readings that share a bucket.

pub mod cell;
pub mod reader;
pub mod store;

pub use cell::{Cell, Row};
pub use reader::{Ask, Reader};
pub use store::{Committed, Extra, Limits, Store, StoreError};
