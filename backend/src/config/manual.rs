//! The options of `headroom completions` and `headroom manual`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// The options of `headroom completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}

/// The options of `headroom manual`.
#[derive(Args, Debug)]
pub struct ManualArgs {
    /// The directory. It is made if it is not there.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}
