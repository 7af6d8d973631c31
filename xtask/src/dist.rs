//! `dist`: what people install. Programs for every machine it runs on, as Debian packages, as tarballs, and
//! as an image for containers, with their checksums and the list of what is in them.

mod arch;
mod armv6;
mod build;
mod changelog;
mod deb;
mod licences;
mod lint;
mod program;
mod sbom;
mod share;
mod sums;
mod tarball;
mod tools;

pub(crate) use deb::deb;

use crate::error::{Error, Result};
use crate::files::{self, grouped};
use crate::image;
use crate::process;
use crate::web;
use arch::Arch;
use program::Facts;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The version of everything here.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `cargo xtask dist [--only NAMES] [--revision N]`.
pub(crate) fn dist(args: &[&str]) -> Result<()> {
    let (mut wanted, mut revision) = (arch::ALL.to_vec(), "1");
    for pair in args.chunks(2) {
        match pair {
            ["--only", names] => {
                wanted = names.split(',').map(arch::named).collect::<Result<_>>()?;
            }
            ["--revision", number] => revision = number,
            _ => {
                let text = pair.join(" ");
                return Err(Error::say(format!(
                    "dist: `{text}`: say --only NAMES or --revision N"
                )));
            }
        }
    }
    let mut table = Table::begin();
    web::build()?;
    table.took("page", None);
    let out = process::target().join("dist");
    files::remove_dir(&out)?;
    files::create_dir(&out)?;
    let programs = programs(&wanted, &mut table)?;
    let native = match programs.iter().find(|(arch, _)| arch.is_here()) {
        Some((_, path)) => path.clone(),
        None => process::build_release()?,
    };
    for (arch, program) in &programs {
        let tarball = tarball::make(&native, program, *arch, &out)?;
        table.took(&files::name(&tarball), Some(&tarball));
        if arch::PACKAGED.contains(arch) {
            let deb =
                deb::make(&native, program, *arch, &deb::Made { revision, fast: false }, &out)?;
            lint::check(&deb)?;
            table.took(&files::name(&deb), Some(&deb));
        }
    }
    let named: Vec<_> = programs.iter().map(|(arch, path)| (arch.name, path.clone())).collect();
    let image = image::write(&named, &out)?;
    // The same as the archive.
    files::remove_dir(&image.with_extension(""))?;
    table.took(&files::name(&image), Some(&image));
    for list in sbom::make(&out)? {
        table.took(&files::name(&list), Some(&list));
    }
    sums::write(&out)?;
    table.end();
    Ok(())
}

/// Builds, strips and checks the programs.
fn programs(wanted: &[Arch], table: &mut Table) -> Result<Vec<(Arch, PathBuf)>> {
    let home = process::target().join("programs");
    let mut programs = Vec::new();
    for arch in wanted {
        let built = build::build(*arch)?;
        let dir = home.join(arch.name);
        files::create_dir(&dir)?;
        let program = dir.join("headroom");
        program::strip(&built.program, *arch, &program)?;
        Facts::of(&program)?.check(&program, *arch)?;
        program::check_content(&program, &built.paths)?;
        if *arch == arch::ARMV6 {
            armv6::check(&program)?;
        }
        table.took(&format!("program for {}", arch.name), Some(&program));
        programs.push((*arch, program));
    }
    Ok(programs)
}

/// What was made, how large it is and how long it took.
struct Table {
    begun: Instant,
    step: Instant,
    rows: Vec<(String, Option<usize>, u64)>,
}

impl Table {
    fn begin() -> Self {
        Self { begun: Instant::now(), step: Instant::now(), rows: Vec::new() }
    }

    /// One thing is done.
    fn took(&mut self, what: &str, file: Option<&Path>) {
        let bytes = file.and_then(|file| std::fs::metadata(file).ok());
        let bytes = bytes.and_then(|data| usize::try_from(data.len()).ok());
        self.rows.push((what.to_owned(), bytes, self.step.elapsed().as_secs()));
        self.step = Instant::now();
    }

    fn end(&self) {
        eprintln!("\n{:<44} {:>12} {:>8}", "in target/dist", "bytes", "seconds");
        for (what, bytes, seconds) in &self.rows {
            let bytes = bytes.map(grouped).unwrap_or_default();
            eprintln!("{what:<44} {bytes:>12} {seconds:>8}");
        }
        eprintln!("{:<44} {:>12} {:>8}", "in all", "", self.begun.elapsed().as_secs());
    }
}
