//! The machines that programs are handed out for.

use crate::error::{Error, Result};

/// One kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arch {
    /// As Debian calls it, and as files are named; `armv6` is ours alone.
    pub(crate) name: &'static str,
    /// As the compiler calls it.
    pub(crate) triple: &'static str,
    /// What the names of its C compiler and binary tools begin with.
    pub(crate) gnu: &'static str,
    /// What its programs say they run on (`readelf -h`).
    pub(super) machine: &'static str,
    /// Debian's package of those binary tools.
    pub(super) binutils: &'static str,
}

pub(crate) const AMD64: Arch = Arch {
    name: "amd64",
    triple: "x86_64-unknown-linux-gnu",
    gnu: "x86_64-linux-gnu",
    machine: "Advanced Micro Devices X86-64",
    binutils: "binutils-x86-64-linux-gnu",
};

pub(crate) const ARM64: Arch = Arch {
    name: "arm64",
    triple: "aarch64-unknown-linux-gnu",
    gnu: "aarch64-linux-gnu",
    machine: "AArch64",
    binutils: "binutils-aarch64-linux-gnu",
};

/// 32-bit systems on a Pi 2 and newer.
pub(crate) const ARMHF: Arch = Arch {
    name: "armhf",
    triple: "armv7-unknown-linux-gnueabihf",
    gnu: "arm-linux-gnueabihf",
    machine: "ARM",
    binutils: "binutils-arm-linux-gnueabihf",
};

/// Those that have packages.
pub(crate) const PACKAGED: [Arch; 3] = [AMD64, ARM64, ARMHF];

/// The one of this name, among those that have packages.
pub(super) fn packaged(name: &str) -> Result<Arch> {
    PACKAGED.into_iter().find(|arch| arch.name == name).ok_or_else(|| {
        let known: Vec<_> = PACKAGED.iter().map(|arch| arch.name).collect();
        Error::say(format!("no package is made for `{name}`; there are {}", known.join(", ")))
    })
}
