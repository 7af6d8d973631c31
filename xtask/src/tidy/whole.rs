//! Rules about the workspace as a whole: what must be there, and what must agree.

use super::Finding;
use crate::error::Result;
use crate::{docs, files, process, toolchain};
use std::path::Path;

const REQUIRED: [&str; 6] =
    ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "deny.toml", ".ci/run"];

/// Crates of servers, which would mean that the page has taken in the wrong half of something.
const NOT_IN_THE_PAGE: [&str; 3] = ["tokio", "mio", "actix"];

pub(super) fn required(root: &Path) -> Vec<Finding> {
    let missing = REQUIRED.iter().filter(|path| !root.join(path).is_file());
    missing.map(|path| Finding::new(path, 0, "is missing; add it")).collect()
}

pub(super) fn written_docs(root: &Path) -> Vec<Finding> {
    let check = |(name, text): (&'static str, fn() -> String)| {
        stale(name, &files::read_text(&root.join(name)).unwrap_or_default(), &text())
    };
    docs::WRITTEN.into_iter().flat_map(check).collect()
}

fn stale(name: &str, written: &str, current: &str) -> Vec<Finding> {
    if written == current {
        return Vec::new();
    }
    let same = written.lines().zip(current.lines()).take_while(|(old, new)| old == new).count();
    vec![Finding::new(name, same + 1, "differs from the code; run `cargo xtask docs`")]
}

pub(super) fn one_way_to_test(root: &Path) -> Vec<Finding> {
    let contents = |path: &str| files::read_text(&root.join(path)).unwrap_or_default();
    ["README.md", ".ci/run"]
        .into_iter()
        .filter(|path| !contents(path).contains("cargo xtask test"))
        .map(|path| Finding::new(path, 0, "does not say `cargo xtask test`, the one way to test"))
        .collect()
}

pub(super) fn page_dependencies() -> Result<Vec<Finding>> {
    let mut tree = process::cargo("tree");
    tree.args(["-p", "frontend", "--target", toolchain::TARGET]);
    tree.args(["-e", "normal", "--prefix", "none", "--format", "{p}"]);
    Ok(servers(&process::output(&mut tree)?))
}

fn servers(tree: &str) -> Vec<Finding> {
    let mut names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str, family: &str| name.split(['-', '_']).next() == Some(family);
    names
        .into_iter()
        .filter(|name| NOT_IN_THE_PAGE.iter().any(|family| of(name, family)))
        .map(|name| {
            let what = format!(
                "the page depends on {name}; find out through whom with `cargo tree -p frontend \
                 --target {} -i {name}` and turn that feature off",
                toolchain::TARGET
            );
            Finding::new("frontend/Cargo.toml", 0, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{one_way_to_test, required, servers, stale};
    use std::path::Path;

    #[test]
    fn an_empty_directory_lacks_everything() {
        let nowhere = Path::new("/nowhere");
        assert_eq!(required(nowhere).len(), super::REQUIRED.len());
        assert_eq!(one_way_to_test(nowhere).len(), 2);
    }

    #[test]
    fn a_stale_document_is_found_at_its_line() {
        assert_eq!(stale("x", "a\nb\n", "a\nb\n"), []);
        assert_eq!(stale("x", "a\nb\n", "a\nc\n")[0].line, 2);
        assert_eq!(stale("x", "", "a\n")[0].line, 1);
    }

    #[test]
    fn a_server_crate_in_the_page_is_found() {
        let tree =
            "frontend v0.1.0 (/x)\nserde v1.0.0\nactix-web v4.0.0\ntokio v1.0.0 (*)\nmiow v0";
        let found: Vec<_> = servers(tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("frontend/Cargo.toml: the page depends on actix-web; "));
    }
}
