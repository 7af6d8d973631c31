//! Which compiler builds for which target. A usual Rust installation has the standard library of its own
//! machine alone; this finds one for another, or fetches one into `target/toolchain`.

pub(crate) mod debian;

use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, root};
use std::path::PathBuf;
use std::process::Command;

/// The browser's target.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// What is built for, and how.
pub(crate) struct Target {
    /// As the compiler calls it.
    pub(crate) triple: &'static str,
    /// The crates of the standard library, for a compiler that has none and builds them along.
    pub(crate) std: &'static str,
    /// A target directory of its own wherever two compilers would throw away what the other built.
    pub(crate) dir: PathBuf,
    /// The compiler's flags; none that were meant for another target are inherited.
    pub(crate) flags: Vec<String>,
    /// What else cargo and build scripts are told, such as the linker.
    pub(crate) settings: Vec<(String, String)>,
}

impl Target {
    /// The page's, which runs in browsers.
    pub(crate) fn page() -> Self {
        Self {
            triple: TARGET,
            std: "std,panic_abort",
            dir: root().join("target/wasm"),
            // What is loaded late is cut out along what this linker notes.
            flags: vec!["-Clink-arg=--emit-relocs".into()],
            settings: Vec::new(),
        }
    }
}

/// A compiler that can build for some target.
pub(crate) enum Toolchain {
    /// The one that runs us.
    Host,
    /// Debian's, unpacked below `target/toolchain`; it builds its own standard library.
    Debian(debian::Tree),
}

impl Toolchain {
    /// Finds a compiler for the target of this name, or fetches what is missing.
    pub(crate) fn ensure(triple: &str) -> Result<Self> {
        if host_has_std(triple)? {
            return Ok(Self::Host);
        }
        let home = home();
        let _lock = files::lock(&home.join("lock"))?;
        if let Some(tree) = debian::Tree::present(&home)? {
            return Ok(Self::Debian(tree));
        }
        if process::find(&["rustup"]).is_some() {
            eprintln!("compiling for {triple}: asking rustup for its standard library");
            match process::run(Command::new("rustup").args(["target", "add", triple])) {
                Ok(()) if host_has_std(triple)? => return Ok(Self::Host),
                Ok(()) => eprintln!("rustup added it to another compiler than `rustc`"),
                Err(error) => eprintln!("rustup could not: {error}"),
            }
        }
        if process::find(&["apt-get"]).is_some() && process::find(&["dpkg"]).is_some() {
            return debian::Tree::fetch(&home).map(Self::Debian);
        }
        Err(Error::say(format!(
            "no Rust standard library for {triple}: install it with `rustup target add {triple}`, or \
             from your system's packages, and try again"
        )))
    }

    /// Debian's compiler, whatever else is there.
    pub(crate) fn debian() -> Result<Self> {
        let home = home();
        let _lock = files::lock(&home.join("lock"))?;
        match debian::Tree::present(&home)? {
            Some(tree) => Ok(Self::Debian(tree)),
            None => debian::Tree::fetch(&home).map(Self::Debian),
        }
    }

    /// Whether this compiler comes with its clippy.
    pub(crate) fn has_clippy(&self) -> bool {
        match self {
            Self::Host => process::find(&["cargo-clippy"]).is_some(),
            Self::Debian(tree) => tree.has_clippy(),
        }
    }

    /// `cargo SUBCOMMAND` for a target.
    pub(crate) fn cargo(&self, subcommand: &str, target: &Target) -> Result<Command> {
        let mut command = match self {
            Self::Host => process::cargo(subcommand),
            Self::Debian(tree) => tree.cargo(subcommand, target.std),
        };
        // Messages of panics name files.
        let map = |(from, to): (PathBuf, _)| format!("--remap-path-prefix={}={to}", from.display());
        let names = self.paths()?.into_iter().map(map);
        let flags: Vec<_> = target.flags.iter().cloned().chain(names).collect();
        command
            .env("CARGO_TARGET_DIR", &target.dir)
            // Flags meant for the native linker or processor, from wherever, would not suit it.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .envs(target.settings.iter().map(|(name, value)| (name, value)))
            .args(["--locked", "--target", target.triple]);
        Ok(command)
    }

    /// The directories that sources are in, each with the name that it has in what is built: where they
    /// lay is nobody's business, and changes nothing.
    pub(crate) fn paths(&self) -> Result<Vec<(PathBuf, &'static str)>> {
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo = cargo.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
        let compiler = match self {
            Self::Host => sysroot()?,
            Self::Debian(tree) => tree.dir().to_owned(),
        };
        // The last that fits is taken.
        let mut paths = vec![(root().to_owned(), "headroom")];
        paths.extend(cargo.map(|cargo| (cargo.join("registry/src"), "crates")));
        paths.push((compiler, "rust"));
        Ok(paths)
    }
}

/// Where compilers are kept that are not installed.
pub(crate) fn home() -> PathBuf {
    root().join("target/toolchain")
}

/// Whether the compiler that cargo calls has the standard library for a target.
fn host_has_std(triple: &str) -> Result<bool> {
    let libs = sysroot()?.join("lib/rustlib").join(triple).join("lib");
    // No such directory is the usual way of not having it.
    let libs = files::list(&libs).unwrap_or_default();
    Ok(libs.iter().any(|lib| files::name(lib).starts_with("libstd-")))
}

/// Where the compiler that cargo calls has its libraries.
fn sysroot() -> Result<PathBuf> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let said = process::output(rustc.current_dir(root()).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(said.trim()))
}
