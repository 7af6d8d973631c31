//! The licences of the libraries in the program and in its page, which ask to be handed out with them.

use super::VERSION;
use crate::error::{Error, Result};
use crate::files;
use crate::process;
use crate::toolchain;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// How the files begin in which a library says under which licence it is.
const FILES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE"];

/// Every library with its licence, and every text of a licence once with those it is of.
pub(super) fn text() -> Result<String> {
    let mut libraries = BTreeMap::new();
    // The program for amd64 has all the libraries that those for other machines have.
    for (package, triple) in
        [("headroom", super::arch::AMD64.triple), ("frontend", toolchain::TARGET)]
    {
        let mut cargo = process::cargo("metadata");
        cargo.args(["--locked", "--format-version", "1", "--filter-platform", triple]);
        let all = process::output(&mut cargo)?;
        let all: Value = serde_json::from_str(&all)
            .map_err(|error| Error::say(format!("`cargo metadata`: {error}")))?;
        libraries.extend(linked(&all, package)?);
    }
    let mut text = format!("The libraries in Headroom {VERSION}, and their licences\n\n");
    let mut texts = BTreeMap::<String, Vec<&str>>::new();
    for (library, (licence, dir)) in &libraries {
        writeln!(text, "{library}: {licence}").ok();
        for file in files::list(Path::new(dir))? {
            let name = files::name(&file).to_uppercase();
            if file.is_file() && FILES.iter().any(|start| name.starts_with(start)) {
                let said = String::from_utf8_lossy(&files::read(&file)?).trim().to_owned();
                texts.entry(said).or_default().push(library);
            }
        }
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|one, other| one.1.cmp(&other.1));
    for (said, of) in texts {
        write!(text, "\n{:=<78}\n{}\n{:=<78}\n\n{said}\n", "", of.join(", "), "").ok();
    }
    Ok(text)
}

/// What is linked into `package`: name and version, licence, and where its files are.
fn linked(all: &Value, package: &str) -> Result<BTreeMap<String, (String, String)>> {
    let missing =
        || Error::say(format!("`cargo metadata` does not tell what {package} is made of"));
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&all["packages"]);
    let nodes = list(&all["resolve"]["nodes"]);
    let root = packages.iter().find(|one| one["name"] == package).ok_or_else(missing)?;
    let mut left = vec![root["id"].clone()];
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    while let Some(id) = left.pop() {
        if !seen.insert(id.to_string()) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id).ok_or_else(missing)?;
        let linked =
            |dep: &Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        left.extend(
            list(&node["deps"]).iter().filter(|dep| linked(dep)).map(|dep| dep["pkg"].clone()),
        );
        let one = packages.iter().find(|one| one["id"] == id).ok_or_else(missing)?;
        let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        // Members of the workspace come from nowhere.
        if !one["source"].is_null() {
            let manifest = word("manifest_path");
            let dir = Path::new(&manifest).parent().unwrap_or(Path::new(""));
            let value = (word("license"), dir.display().to_string());
            found.insert(format!("{} {}", word("name"), word("version")), value);
        }
    }
    Ok(found)
}
