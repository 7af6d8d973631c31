//! The cluster as it is looked at: rows, their order, sums, and the geometry of pictures of many nodes.

pub mod heat;
pub mod order;
pub mod row;
pub mod totals;
pub mod window;
