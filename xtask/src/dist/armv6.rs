//! The oldest Pis (1, Zero): Debian's own C library for hard floats is built for `ARMv7`, so a program for them
//! is linked with musl, in one piece that needs nothing of the system. rustup's standard library for them
//! is not everywhere to be had, so Debian's compiler builds it along, for everyone alike.

use super::tools;
use crate::error::Result;
use crate::files;
use crate::process;
use crate::toolchain::{self, debian};
use std::path::{Path, PathBuf};

/// Debian's name for machines that run the oldest ARM code it still builds, which these run too.
const DEBIAN: &str = "armel";

/// The processor of a Pi 1 or Zero.
const CPU: &str = "arm1176";

/// What the C compiler for glibc is told so that it builds with musl in `root`, a directory as `/`.
fn specs(root: &Path) -> String {
    let include = root.join("usr/include/arm-linux-musleabi");
    let include = include.display();
    let lib = root.join("usr/lib/arm-linux-musleabi");
    let lib = lib.display();
    format!(
        "%rename cpp_options old_cpp_options\n\n\
         *cpp_options:\n-nostdinc -isystem {include} -isystem include%s %(old_cpp_options)\n\n\
         *cc1:\n%(cc1_cpu) -nostdinc -isystem {include} -isystem include%s\n\n\
         *link_libgcc:\n-L{lib} -L .%s\n\n\
         *libgcc:\nlibgcc.a%s libgcc_eh.a%s\n\n\
         *startfile:\n%{{static-pie:{lib}/rcrt1.o; :{lib}/crt1.o}} {lib}/crti.o \
         %{{static-pie:crtbeginS.o%s; :crtbeginT.o%s}}\n\n\
         *endfile:\n%{{static-pie:crtendS.o%s; :crtend.o%s}} {lib}/crtn.o\n\n\
         *link:\n-nostdlib -static %{{static-pie:-pie --no-dynamic-linker -z text}} --build-id\n\n"
    )
}

/// Fetches the C library, and gives the flags of C compiler and linker.
pub(super) fn prepare() -> Result<(String, Vec<String>)> {
    let musl = debian::files_of("musl-dev", DEBIAN)?;
    let home = toolchain::home().join("armv6");
    files::create_dir(&home)?;
    let spec = home.join("musl.specs");
    files::write(&spec, specs(&musl))?;
    // What unwinds a panic is in the C compiler's library, under another name.
    files::write(&home.join("libunwind.a"), "INPUT(-lgcc_eh)\n")?;
    let c = format!("-specs={} -march=armv6 -marm -mfloat-abi=soft", spec.display());
    let link = [
        format!("-Clink-arg=-specs={}", spec.display()),
        format!("-Lnative={}", home.display()),
        format!("-Lnative={}", musl.join("usr/lib/arm-linux-musleabi").display()),
        "-Clink-self-contained=no".into(),
        "-Clink-args=-Wl,--start-group -lgcc -lgcc_eh -lc -Wl,--end-group".into(),
    ];
    Ok((c, link.into()))
}

/// Whether the oldest processor runs it. What `readelf` says does not tell: TLS has code for newer ones in
/// it, which it uses where the kernel says that they are.
pub(super) fn check(program: &Path) -> Result<()> {
    let mut qemu = tools::from_debian("qemu-arm-static", "qemu-user-static")?;
    process::output(qemu.args(["-cpu", CPU]).arg(program).arg("--version")).map(drop)
}

/// The licence of the C library.
pub(super) fn copyright() -> Result<PathBuf> {
    Ok(debian::files_of("musl-dev", DEBIAN)?.join("usr/share/doc/musl-dev/copyright"))
}
