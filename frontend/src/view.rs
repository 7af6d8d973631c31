//! What is shown. Reads the store, never the network.

pub(crate) mod amount;
pub(crate) mod canvas;
pub(crate) mod doctor;
pub(crate) mod dom;
pub(crate) mod facts;
pub(crate) mod help;
pub(crate) mod memory;
pub(crate) mod node;
pub(crate) mod panel;
pub(crate) mod status;
pub(crate) mod tiles;
pub(crate) mod timeline;
pub(crate) mod tools;
pub(crate) mod usage;
