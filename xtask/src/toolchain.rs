//! Which compiler builds the page. The standard library for the browser's target is not part of a
//! usual Rust installation; this finds one, or fetches one into `target/toolchain`.

mod debian;

use crate::error::{Error, Result};
use crate::files;
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
        if host_has_std()? {
            return Ok(Self::Host);
        }
        let home = root().join("target/toolchain");
        let _lock = files::lock(&home.join("lock"))?;
        if let Some(tree) = debian::Tree::present(&home)? {
            return Ok(Self::Debian(tree));
        }
        if process::find(&["rustup"]).is_some() {
            eprintln!("the page is compiled for {TARGET}: asking rustup for its standard library");
            match process::run(Command::new("rustup").args(["target", "add", TARGET])) {
                Ok(()) if host_has_std()? => return Ok(Self::Host),
                Ok(()) => eprintln!("rustup added it to another compiler than `rustc`"),
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
        // Flags meant for the native linker or processor, from wherever, would not suit this target. What
        // is loaded late is cut out along what this linker notes.
        let notes = "-Clink-arg=--emit-relocs";
        command.env("CARGO_ENCODED_RUSTFLAGS", notes).args(["--locked", "--target", TARGET]);
        command
    }
}

/// Whether the compiler that cargo calls has the standard library for the page.
fn host_has_std() -> Result<bool> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let sysroot = process::output(rustc.current_dir(root()).args(["--print", "sysroot"]))?;
    let libs = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib");
    // No such directory is the usual way of not having it.
    let libs = files::list(&libs).unwrap_or_default();
    Ok(libs.iter().any(|lib| files::name(lib).starts_with("libstd-")))
}
