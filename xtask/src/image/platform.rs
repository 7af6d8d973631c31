//! The machines that the image is for, and where their libraries are.

use crate::error::{Error, Result};
use std::path::PathBuf;

/// One kind of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    /// As packages call it.
    pub(super) name: &'static str,
    /// As images call it (`GOARCH`)…
    pub(super) architecture: &'static str,
    /// …and which of that, if there are several.
    pub(super) variant: Option<&'static str>,
    /// What its programs say they run on (`readelf -h`).
    pub(super) machine: &'static str,
    /// What the names of its directories of libraries have in them.
    gnu: &'static str,
    /// Debian's packages of its libraries on other machines.
    pub(super) packages: &'static [&'static str],
}

const ALL: [Platform; 4] = [
    Platform {
        name: "amd64",
        architecture: "amd64",
        variant: None,
        machine: "Advanced Micro Devices X86-64",
        gnu: "x86_64-linux-gnu",
        packages: &["libc6-amd64-cross", "libgcc-s1-amd64-cross"],
    },
    Platform {
        name: "arm64",
        architecture: "arm64",
        variant: Some("v8"),
        machine: "AArch64",
        gnu: "aarch64-linux-gnu",
        packages: &["libc6-arm64-cross", "libgcc-s1-arm64-cross"],
    },
    Platform {
        name: "armhf",
        architecture: "arm",
        variant: Some("v7"),
        machine: "ARM",
        gnu: "arm-linux-gnueabihf",
        packages: &["libc6-armhf-cross", "libgcc-s1-armhf-cross"],
    },
    // Its program needs no libraries.
    Platform {
        name: "armv6",
        architecture: "arm",
        variant: Some("v6"),
        machine: "ARM",
        gnu: "arm-linux-gnueabi",
        packages: &[],
    },
];

impl Platform {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Result<Self> {
        ALL.into_iter().find(|platform| platform.name == name).ok_or_else(|| {
            let known = ALL.map(|platform| platform.name).join(", ");
            Error::say(format!("no image is made for `{name}`; there are {known}"))
        })
    }

    /// Where its libraries may be: on a machine of this kind, and on others.
    pub(super) fn libraries(self) -> [PathBuf; 3] {
        let Self { gnu, .. } = self;
        [format!("/lib/{gnu}"), format!("/usr/lib/{gnu}"), format!("/usr/{gnu}/lib")]
            .map(PathBuf::from)
    }
}
