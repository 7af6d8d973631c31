//! Builds, tests and packages Headroom: `cargo xtask help`.

mod error;
mod files;
mod process;
mod step;
mod toolchain;
mod web;

fn main() {
    if let Err(error) = web::build() {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
