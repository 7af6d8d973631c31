//! Which compiler builds the page. The standard library for the browser's target is not part of a
//! usual Rust installation; this finds one, or fetches one into `target/toolchain`.

mod debian;

use crate::error::{Error, Result};
use crate::process::{self, root};
use std::path::Path;
use std::process::Command;

/// The browser's target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// A compiler that can build the page.
pub(crate) enum Toolchain {
    /// The one that runs us.
    Host,
    /// Debian's, unpacked below `target/toolchain`; it builds its own standard library.
    Debian(debian::Tree),
}

impl Toolchain {
    /// Finds a compiler, or fetches what is missing.
    pub(crate) fn ensure() -> Result<Self> {
        let sysroot = process::output(rustc().args(["--print", "sysroot"]))?;
        if has_std(Path::new(sysroot.trim())) {
            return Ok(Self::Host);
        }
        let home = root().join("target/toolchain");
        let _lock = crate::files::lock(&home.join("lock"))?;
        if let Some(tree) = debian::Tree::present(&home)? {
            return Ok(Self::Debian(tree));
        }
        if process::find(&["rustup"]).is_some() {
            eprintln!("the page is compiled for {TARGET}: asking rustup for its standard library");
            match process::run(Command::new("rustup").args(["target", "add", TARGET])) {
                Ok(()) => return Ok(Self::Host),
                Err(error) => eprintln!("rustup could not: {error}"),
            }
        }
        if process::find(&["apt-get"]).is_some() && process::find(&["dpkg"]).is_some() {
            return debian::Tree::fetch(&home).map(Self::Debian);
        }
        Err(Error::say(format!(
            "no Rust standard library for {TARGET}, which the page is compiled for: install it \
             with `rustup target add {TARGET}`, or from your system's packages, and try again"
        )))
    }

    /// Whether this compiler comes with its clippy.
    pub(crate) fn has_clippy(&self) -> bool {
        match self {
            Self::Host => process::find(&["cargo-clippy"]).is_some(),
            Self::Debian(tree) => tree.has_clippy(),
        }
    }

    /// `cargo SUBCOMMAND` for the page's target, in a target directory of its own: neither compiler
    /// then throws away what the other built.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Host => process::cargo(subcommand),
            Self::Debian(tree) => tree.cargo(subcommand),
        };
        command.env("CARGO_TARGET_DIR", root().join("target/wasm"));
        // Flags for the native linker or processor would not suit this target.
        command.env_remove("RUSTFLAGS").args(["--locked", "--target", TARGET]);
        command
    }
}

/// The compiler that cargo would call.
fn rustc() -> Command {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(root());
    command
}

fn has_std(sysroot: &Path) -> bool {
    let libs = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    crate::files::list(&libs)
        .is_ok_and(|libs| libs.iter().any(|lib| crate::files::name(lib).starts_with("libstd-")))
}
