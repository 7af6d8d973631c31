//! The timeline: its geometry, and how it is drawn on any surface.

pub mod scale;
pub mod svg;
pub mod timeline;
