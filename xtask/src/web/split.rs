//! Cuts the page's program in two: what every visit needs, and what is fetched when it is first used.
//! The frontend marks where the late part begins; what only that leads to goes with it.

use crate::error::{Error, Result};
use crate::files;
use crate::process::root;
use std::path::{Path, PathBuf};

/// The module of JavaScript that loads the late part, as the program calls it.
pub(super) const LINK: &str = "./__wasm_split.js";

/// The two parts, and what brings the second.
pub(super) struct Parts {
    /// Where the first part lies, for the generator.
    pub(super) main: PathBuf,
    pub(super) late: Vec<u8>,
    /// JavaScript.
    pub(super) loader: String,
}

/// Cuts the program that the linker left at `wasm`.
pub(super) fn split(wasm: &Path) -> Result<Parts> {
    let dir = root().join("target/page.split");
    files::remove_dir(&dir)?;
    files::create_dir(&dir)?;
    let main = dir.join("main.wasm");
    let input = files::read(wasm)?;
    let mut options = wasm_split_cli_support::Options::new(&input);
    (options.output_dir, options.main_out_path, options.link_name) = (&dir, &main, LINK);
    let failed = |what: &dyn std::fmt::Display| {
        Error::say(format!("{}: cannot be cut in two: {what}", wasm.display()))
    };
    let cut = wasm_split_cli_support::transform(options)
        .map_err(|error| failed(&format!("{error:#}")))?;
    let [late] = cut.split_modules.as_slice() else {
        return Err(failed(&format!("it has {} late parts", cut.split_modules.len())));
    };
    let loader = files::read_text(&dir.join(LINK))?;
    Ok(Parts { late: files::read(late)?, loader, main })
}
