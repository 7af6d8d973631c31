//! Which control groups are told of: those without groups below them, and containers as a whole, so
//! that nothing is counted twice.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::name::{self, Name};

/// Groups below this depth are told of with the one at it.
const MOST_DEPTH: usize = 12;
/// No more groups are looked at. A group whose own would be too many is told of as a whole.
const MOST_GROUPS: usize = 2000;

/// A group to tell of.
pub(in crate::probe) struct Found {
    /// Where its files are.
    pub(in crate::probe) dir: PathBuf,
    /// Its path below the root of the groups, as text.
    pub(in crate::probe) path: String,
    pub(in crate::probe) name: Name,
}

/// Walks the groups below `root`, the nearest first, so that no flood of deep ones can hide them.
/// Where none of a group's own `has_count` of memory (the controller was not handed on to them, as
/// `systemd-udevd.service` does), it is told of itself. `links_count` says whether the number of a
/// folder's links tells how many folders it has, as in the kernel's own (`fs/kernfs/inode.c`).
pub(in crate::probe) fn walk(
    root: &Path,
    links_count: bool,
    has_count: impl Fn(&Path) -> bool,
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut seen = 1;
    let mut queue = VecDeque::from([(root.to_owned(), String::new(), 0)]);
    while let Some((dir, path, depth)) = queue.pop_front() {
        let Some(name) = name::name(&path) else { continue };
        if !name.whole && depth < MOST_DEPTH {
            let left = MOST_GROUPS - seen;
            let children = if links_count && has_no_folders(&dir) {
                Vec::new()
            } else {
                folders(&dir, left + 1)
            };
            if children.len() <= left && children.iter().any(|child| has_count(child)) {
                seen += children.len();
                queue.extend(children.into_iter().map(|child| {
                    let name = child.file_name().unwrap_or_default().to_string_lossy();
                    let path = format!("{path}/{name}");
                    (child, path, depth + 1)
                }));
                continue;
            }
        }
        let path = if path.is_empty() { "/".to_owned() } else { path };
        found.push(Found { dir, path, name });
    }
    found
}

/// The first `most` folders in `dir`, which links to folders are not; none if it has vanished.
fn folders(dir: &Path, most: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.take(most).map(|entry| entry.path()).collect()
}

#[cfg(unix)]
fn has_no_folders(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    fs::metadata(dir).is_ok_and(|dir| dir.nlink() == 2)
}

#[cfg(not(unix))]
fn has_no_folders(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(root: &Path, paths: &[&str]) -> Vec<String> {
        for path in paths {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        paths_of(root)
    }

    fn paths_of(root: &Path) -> Vec<String> {
        let mut paths: Vec<String> = walk(root, false, |group| !group.ends_with("none"))
            .into_iter()
            .map(|found| found.path)
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn leaves_and_whole_containers_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let paths = walked(
            dir.path(),
            &[
                "init.scope",
                "system.slice/a.service",
                "system.slice/b.service/x",
                "lxc/web/ns/init.scope",
            ],
        );
        let expected =
            ["/init.scope", "/lxc/web", "/system.slice/a.service", "/system.slice/b.service/x"];
        assert_eq!(paths, expected);
    }

    #[test]
    fn where_counting_ends_the_last_that_is_counted_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let paths =
            walked(dir.path(), &["a.service/none/x", "b.service/none", "b.service/counted"]);
        assert_eq!(paths, ["/a.service", "/b.service/counted", "/b.service/none"]);
    }

    #[test]
    fn a_root_without_groups_is_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(paths_of(dir.path()), ["/"]);
    }

    #[test]
    fn what_is_deeper_than_deep_is_told_of_above() {
        let dir = tempfile::tempdir().unwrap();
        let paths = walked(dir.path(), &[&"d/".repeat(40)]);
        assert_eq!(paths, ["/d".repeat(MOST_DEPTH)]);
    }

    #[test]
    fn a_flood_is_told_of_as_a_whole_and_hides_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..=MOST_GROUPS {
            fs::create_dir_all(dir.path().join(format!("flood/{number}"))).unwrap();
        }
        assert_eq!(walked(dir.path(), &["quiet"]), ["/flood", "/quiet"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("real/root")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("twice")).unwrap();
        assert_eq!(paths_of(dir.path()), ["/real"]);
    }
}
