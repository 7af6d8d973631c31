//! Builds the page into `target/page`, from where the program embeds it.

mod compress;
mod order;
pub(crate) mod page;
mod slim;
mod split;

use crate::error::{Error, Result};
use crate::files::{self, grouped};
use crate::process::{self, root};
use crate::toolchain::{TARGET, Target, Toolchain};
use page::{Page, Program};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use wasm_bindgen_cli_support::Bindgen;

/// Where the built page always is, whatever the native target directory.
pub(crate) fn dir() -> PathBuf {
    root().join("target/page")
}

/// Builds the page; leaves every file alone when nothing changed.
pub(crate) fn build() -> Result<()> {
    let toolchain = Toolchain::ensure(TARGET)?;
    let _lock = files::lock(&root().join("target/page.lock"))?;
    let target = Target::page();
    let mut cargo = toolchain.cargo("build", &target)?;
    process::run(cargo.args(["-p", "frontend", "--lib", "--profile", "wasm-release"]))?;
    let wasm = target.dir.join(TARGET).join("wasm-release/frontend.wasm");
    let parts = split::split(&wasm)?;
    let (glue, wasm) = bind(&parts.main)?;
    let program = Program { glue, wasm, loader: parts.loader, late: order::alike(&parts.late)? };
    let page = Page::assemble(&statics(&root().join("static"))?, &program)?;
    let sizes = store(&page, &dir())?;
    report(&page, &sizes);
    Ok(())
}

/// Makes the JavaScript glue, and the WebAssembly that goes with it.
fn bind(wasm: &Path) -> Result<(String, Vec<u8>)> {
    let failed = |error| Error::say(format!("{}: wasm-bindgen: {error:#}", wasm.display()));
    let mut output = Bindgen::new()
        .input_path(wasm)
        .out_name("headroom")
        .keep_lld_exports(true)
        .web(true)
        .map_err(failed)?
        .typescript(false)
        .keep_debug(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()
        .map_err(failed)?;
    // Every crate has an entry here, mostly of nothing.
    let snippets = output.snippets().values().flatten().count() + output.local_modules().len();
    if snippets > 0 {
        return Err(Error::say(format!(
            "{}: a dependency brings JavaScript snippets, which the page does not carry; \
             leave that dependency out of frontend/Cargo.toml",
            wasm.display()
        )));
    }
    let glue = output.js().to_owned();
    let module = output.wasm_mut();
    // A dependency offers the browser streams of which the page makes none.
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|it| slim::is_of_streams(&it.name))
        .map(walrus::Export::id)
        .collect();
    for export in unused {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(module);
    let used: BTreeSet<_> = module.imports.iter().map(|import| import.name.clone()).collect();
    let glue = slim::without_unused(&glue, &used);
    let imports = module.imports.iter().map(|import| import.name.as_str());
    let exports = module.exports.iter().map(|export| export.name.as_str());
    let names = slim::short_names(imports.chain(exports));
    let short = |name: &mut String| {
        if let Some((_, short)) = names.iter().find(|(long, _)| long == name) {
            name.clone_from(short);
        }
    };
    module.imports.iter_mut().for_each(|import| short(&mut import.name));
    module.exports.iter_mut().for_each(|export| short(&mut export.name));
    Ok((slim::glue(&glue, &names), order::alike(&module.emit_wasm())?))
}

/// The page's own files, without what editors leave about.
fn statics(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for path in files::list(dir)? {
        let name = files::name(&path);
        if path.is_dir() {
            return Err(Error::say(format!("{}: static/ is flat; move it up", path.display())));
        }
        if !name.starts_with('.') && !name.ends_with('~') {
            found.insert(name, files::read(&path)?);
        }
    }
    Ok(found)
}

/// Writes the page with a compressed copy of each file, all or nothing. Gives the brotli sizes.
fn store(page: &Page, dir: &Path) -> Result<BTreeMap<String, usize>> {
    let fresh = dir.with_extension("new");
    files::remove_dir(&fresh)?;
    files::create_dir(&fresh)?;
    let mut sizes = BTreeMap::new();
    let mut unchanged = true;
    for (name, bytes) in &page.files {
        let same = files::read(&dir.join(name)).is_ok_and(|old| old == *bytes);
        files::write(&fresh.join(name), bytes)?;
        for (ending, compress) in compress::ALL {
            let sibling = format!("{name}.{ending}");
            // Compressing well takes seconds; the same content need not be done again.
            let kept = files::read(&dir.join(&sibling)).ok().filter(|_| same);
            unchanged &= kept.is_some();
            let small = match kept {
                Some(small) => small,
                None => compress(bytes).map_err(Error::at(&fresh.join(&sibling)))?,
            };
            files::write(&fresh.join(&sibling), &small)?;
            if ending == "br" {
                sizes.insert(name.clone(), small.len());
            }
        }
    }
    files::write(&fresh.join("build-id"), &page.build)?;
    let count = |dir: &Path| files::list(dir).map_or(0, |list| list.len());
    unchanged &= files::read(&dir.join("build-id")).is_ok_and(|old| old == page.build.as_bytes());
    if unchanged && count(dir) == count(&fresh) {
        // New times on the files would have the program built again.
        files::remove_dir(&fresh)?;
        return Ok(sizes);
    }
    let old = dir.with_extension("old");
    files::remove_dir(&old)?;
    if dir.exists() {
        files::rename(dir, &old)?;
    }
    files::rename(&fresh, dir)?;
    files::remove_dir(&old)?;
    Ok(sizes)
}

fn report(page: &Page, sizes: &BTreeMap<String, usize>) {
    eprintln!("page {} in target/page, in bytes:", page.build);
    eprintln!("{:<44} {:>10} {:>10}", "", "raw", "brotli");
    for (what, is_late) in [("at first", false), ("late", true)] {
        let mut sum = (0, 0);
        for (name, bytes) in page.files.iter().filter(|(name, _)| Page::is_late(name) == is_late) {
            let small = sizes.get(name).copied().unwrap_or_default();
            eprintln!("{name:<44} {:>10} {:>10}", grouped(bytes.len()), grouped(small));
            sum = (sum.0 + bytes.len(), sum.1 + small);
        }
        eprintln!("{what:<44} {:>10} {:>10}", grouped(sum.0), grouped(sum.1));
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, store};
    use std::collections::BTreeMap;
    use std::fs;

    #[test]
    fn stores_once_and_leaves_the_same_content_alone() {
        let dir = std::env::temp_dir().join(format!("headroom-page-{}", std::process::id()));
        let mut files = BTreeMap::from([("index.html".to_owned(), b"<p>one</p>".to_vec())]);
        let page = |files: &BTreeMap<_, _>| Page { files: files.clone(), build: "1".into() };
        store(&page(&files), &dir).unwrap();
        let written = |name: &str| fs::metadata(dir.join(name)).unwrap().modified().unwrap();
        let first = written("index.html.br");
        store(&page(&files), &dir).unwrap();
        assert_eq!(written("index.html.br"), first);
        files.insert("more.css".into(), b"p{}".to_vec());
        store(&page(&files), &dir).unwrap();
        let names: Vec<_> = crate::files::list(&dir).unwrap();
        assert_eq!(names.len(), 7, "{names:?}");
        fs::remove_dir_all(dir).unwrap();
    }
}
