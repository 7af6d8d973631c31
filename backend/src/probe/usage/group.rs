//! Control groups and their memory (`Documentation/admin-guide/cgroup-v2.rst` and
//! `cgroup-v1/memory.rst`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use shared::usage::{GroupUsage, MOST_GROUPS};

use super::largest;
use super::lookup::Lookup;
use super::name::Name;
use super::walk::{self, Found};
use crate::probe::{Roots, files, parse, text};

/// Paths longer than this are cut; a container of Kubernetes has some 190.
const MOST_PATH_CHARS: usize = 256;
/// Version 1 has no word for no limit: it says the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 62;
/// Room for one text; the longest is `memory.stat` with some 3 kB.
const BUFFER_BYTES: usize = 16 * 1024;

/// The control groups under a sys root.
pub(super) struct Groups {
    base: PathBuf,
    lookup: Lookup,
    buffer: Vec<u8>,
}

/// What a sweep found.
#[derive(Default)]
pub(super) struct Taken {
    /// Those with memory.
    pub(super) count: u32,
    /// The largest of them.
    pub(super) largest: Vec<GroupUsage>,
    /// Why there are none, in a sentence for people.
    pub(super) why_none: Option<String>,
}

/// What differs between the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl Version {
    /// The file that tells what is charged to a group.
    fn current(self) -> &'static str {
        match self {
            Self::One => "memory.usage_in_bytes",
            Self::Two => "memory.current",
        }
    }
}

impl Groups {
    pub(super) fn new(roots: &Roots) -> Self {
        Self {
            base: roots.sys.join("fs/cgroup"),
            lookup: Lookup::new(roots),
            buffer: vec![0; BUFFER_BYTES],
        }
    }

    pub(super) fn take(&mut self) -> Taken {
        let none = |why: &str| Taken { why_none: Some(why.to_owned()), ..Taken::default() };
        let Some((root, version)) = self.root() else {
            let is_there =
                fs::read_dir(&self.base).is_ok_and(|mut entries| entries.next().is_some());
            return none(if is_there {
                "The memory controller of control groups is off on this node; headroom doctor says how to turn it on."
            } else {
                "This node shows no control groups: nothing is mounted at /sys/fs/cgroup."
            });
        };
        let links_count = File::open(&root).is_ok_and(|root| files::is_made_by_the_kernel(&root));
        let mut reader = Reader { version, buffer: &mut self.buffer };
        let mut bounded = Vec::new();
        let has_count = |group: &Path| group.join(version.current()).exists();
        for group in walk::walk(&root, links_count, has_count) {
            // In version 1 the root has the memory of all.
            let is_all = version == Version::One && group.path == "/";
            match reader.current(&group.dir) {
                Some(current) if current > 0 && !is_all => {
                    bounded.push((current, (current, group)));
                }
                _ => {}
            }
        }
        if bounded.is_empty() {
            return none("No control group on this node has memory that is counted.");
        }
        let count = bounded.len() as u32;
        let measure = |(current, group): (u64, Found)| {
            let inactive_file = reader.inactive_file(&group.dir)?;
            Some((GroupUsage { current, inactive_file, ..GroupUsage::default() }, group))
        };
        let largest = largest(bounded, MOST_GROUPS, measure, |(usage, _)| usage.working_set());
        let told = largest.into_iter().map(|(mut usage, group)| {
            reader.rest(&group.dir, &mut usage);
            let Name { shown, kind, id, .. } = group.name;
            usage.path = text::clean(&group.path, MOST_PATH_CHARS);
            usage.name = id.and_then(|id| self.lookup.name(&id)).unwrap_or(shown);
            kind.clone_into(&mut usage.kind);
            usage
        });
        Taken { count, largest: told.collect(), why_none: None }
    }

    /// The root of the groups that count memory. In the hybrid layout of systemd version 2 is there
    /// too, mostly without any controller.
    fn root(&self) -> Option<(PathBuf, Version)> {
        let counts = |root: &Path| {
            let controllers = fs::read(root.join("cgroup.controllers")).unwrap_or_default();
            parse::words(&controllers).any(|controller| controller == b"memory")
        };
        let second =
            [self.base.clone(), self.base.join("unified")].into_iter().find(|root| counts(root));
        second.map(|root| (root, Version::Two)).or_else(|| {
            let first = self.base.join("memory");
            first.join(Version::One.current()).exists().then_some((first, Version::One))
        })
    }
}

/// Reads the files of a group.
struct Reader<'b> {
    version: Version,
    buffer: &'b mut [u8],
}

impl Reader<'_> {
    fn text(&mut self, dir: &Path, file: &str) -> Option<&[u8]> {
        let file = File::open(dir.join(file)).ok()?;
        files::beginning(&file, self.buffer).ok()
    }

    /// The one number of a file; `max` is none.
    fn number(&mut self, dir: &Path, file: &str) -> Option<u64> {
        parse::single(self.text(dir, file)?)
    }

    fn keyed(&mut self, dir: &Path, file: &str, key: &str) -> Option<u64> {
        parse::keyed(self.text(dir, file)?, key)
    }

    fn current(&mut self, dir: &Path) -> Option<u64> {
        self.number(dir, self.version.current())
    }

    fn inactive_file(&mut self, dir: &Path) -> Option<u64> {
        let key = match self.version {
            Version::One => "total_inactive_file",
            Version::Two => "inactive_file",
        };
        self.keyed(dir, "memory.stat", key)
    }

    fn rest(&mut self, dir: &Path, usage: &mut GroupUsage) {
        match self.version {
            Version::One => {
                let with_swap = self.number(dir, "memory.memsw.usage_in_bytes");
                usage.swap = with_swap.map(|both| both.saturating_sub(usage.current));
                let limit = self.number(dir, "memory.limit_in_bytes");
                usage.limit = limit.filter(|&limit| limit < NO_LIMIT);
                usage.oom_kills = self.keyed(dir, "memory.oom_control", "oom_kill");
                usage.limit_hits = self.number(dir, "memory.failcnt");
            }
            Version::Two => {
                usage.swap = self.number(dir, "memory.swap.current");
                usage.limit = self.number(dir, "memory.max");
                usage.high = self.number(dir, "memory.high");
                let events = self.text(dir, "memory.events");
                usage.oom_kills = events.and_then(|events| parse::keyed(events, "oom_kill"));
                usage.limit_hits = events.and_then(|events| parse::keyed(events, "max"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
