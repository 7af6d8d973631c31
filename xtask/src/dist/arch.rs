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
    /// Debian's packages of that C compiler and what it links with.
    pub(super) compiler: &'static [&'static str],
}

pub(crate) const AMD64: Arch = Arch {
    name: "amd64",
    triple: "x86_64-unknown-linux-gnu",
    gnu: "x86_64-linux-gnu",
    machine: "Advanced Micro Devices X86-64",
    binutils: "binutils-x86-64-linux-gnu",
    compiler: &["gcc-x86-64-linux-gnu", "libc6-dev"],
};

pub(crate) const ARM64: Arch = Arch {
    name: "arm64",
    triple: "aarch64-unknown-linux-gnu",
    gnu: "aarch64-linux-gnu",
    machine: "AArch64",
    binutils: "binutils-aarch64-linux-gnu",
    compiler: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
};

/// 32-bit systems on a Pi 2 and newer.
pub(crate) const ARMHF: Arch = Arch {
    name: "armhf",
    triple: "armv7-unknown-linux-gnueabihf",
    gnu: "arm-linux-gnueabihf",
    machine: "ARM",
    binutils: "binutils-arm-linux-gnueabihf",
    compiler: &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
};

/// A Pi 1 or Zero, and whatever else runs Linux on ARM: a program that needs no library.
pub(crate) const ARMV6: Arch = Arch {
    name: "armv6",
    triple: "arm-unknown-linux-musleabi",
    gnu: "arm-linux-gnueabi",
    machine: "ARM",
    binutils: "binutils-arm-linux-gnueabi",
    compiler: &["gcc-arm-linux-gnueabi"],
};

/// All of them.
pub(crate) const ALL: [Arch; 4] = [AMD64, ARM64, ARMHF, ARMV6];

/// Those that have packages.
pub(crate) const PACKAGED: [Arch; 3] = [AMD64, ARM64, ARMHF];

/// The one of this name.
pub(super) fn named(name: &str) -> Result<Arch> {
    ALL.into_iter().find(|arch| arch.name == name).ok_or_else(|| unknown(name, &ALL))
}

/// The one of this name, among those that have packages.
pub(super) fn packaged(name: &str) -> Result<Arch> {
    PACKAGED.into_iter().find(|arch| arch.name == name).ok_or_else(|| unknown(name, &PACKAGED))
}

fn unknown(name: &str, known: &[Arch]) -> Error {
    let known: Vec<_> = known.iter().map(|arch| arch.name).collect();
    Error::say(format!("nothing is made for `{name}`; there are {}", known.join(", ")))
}

impl Arch {
    /// Whether this machine is one.
    pub(crate) fn is_here(self) -> bool {
        let cpu = match std::env::consts::ARCH {
            "arm" => "armv7",
            cpu => cpu,
        };
        self.triple.starts_with(cpu)
    }
}
