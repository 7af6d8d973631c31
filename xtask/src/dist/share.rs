//! What goes with the program and is the same on every machine: man pages, completions, licences.

use super::{changelog, licences};
use crate::error::Result;
use crate::files;
use crate::process;
use std::path::Path;
use std::process::Command;

/// Shells, and the file that each looks for.
const SHELLS: [(&str, &str); 3] =
    [("bash", "headroom"), ("zsh", "_headroom"), ("fish", "headroom.fish")];

/// Has `native`, a program for this machine, write its man pages into `man`, what shells complete into a
/// directory for each, and puts the licences of the libraries beside them, all below `dir`.
pub(super) fn write(native: &Path, dir: &Path) -> Result<()> {
    let time = changelog::time()?.to_string();
    let run = |args: &[&str]| {
        let mut command = Command::new(native);
        process::forget(&mut command, |name| name.starts_with("HEADROOM_"));
        process::output(command.current_dir(dir).env("SOURCE_DATE_EPOCH", &time).args(args))
    };
    files::create_dir(dir)?;
    run(&["manual", "man"])?;
    for (shell, file) in SHELLS {
        files::create_dir(&dir.join(shell))?;
        files::write(&dir.join(shell).join(file), run(&["completions", shell])?)?;
    }
    files::write(&dir.join("libraries.txt"), licences::text()?)
}
