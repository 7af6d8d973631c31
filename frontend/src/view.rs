//! What is shown. Reads the store, never the network.

pub(crate) mod adding;
pub(crate) mod amount;
pub(crate) mod canvas;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod dom;
pub(crate) mod door;
pub(crate) mod facts;
pub(crate) mod fleet;
pub(crate) mod go;
pub(crate) mod heat;
pub(crate) mod line;
pub(crate) mod list;
pub(crate) mod memory;
pub(crate) mod node;
pub(crate) mod paint;
pub(crate) mod panel;
pub(crate) mod status;
pub(crate) mod tiles;
pub(crate) mod timeline;
pub(crate) mod tools;
pub(crate) mod usage;
