//! Timelines: their geometry, and how they are drawn on any surface.

pub mod compare;
pub mod scale;
pub mod svg;
pub mod timeline;
