//! What people install: packages and tarballs of the program for every machine it runs on.

mod arch;
mod changelog;
mod deb;
mod program;
mod tools;

pub(crate) use deb::deb;
