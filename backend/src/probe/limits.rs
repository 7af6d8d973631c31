//! What control groups leave to this process: the tightest limit of the groups it is in.

use std::fs;
use std::path::{Path, PathBuf};

use shared::{Field, Sample};

use super::Roots;
use super::files::KeptFile;
use super::parse::{lines, number, single, words};

/// The names of files and keys, which the two versions of control groups have different.
struct Names {
    max: &'static str,
    current: &'static str,
    inactive_file: &'static [u8],
    active_file: &'static [u8],
}

const V2: Names = Names {
    max: "memory.max",
    current: "memory.current",
    inactive_file: b"inactive_file",
    active_file: b"active_file",
};

const V1: Names = Names {
    max: "memory.limit_in_bytes",
    current: "memory.usage_in_bytes",
    inactive_file: b"total_inactive_file",
    active_file: b"total_active_file",
};

/// A group that this process is in.
struct Level {
    names: &'static Names,
    max: KeptFile,
    current: KeptFile,
    stat: KeptFile,
    /// The most it may hold, in bytes, when that was last looked up; `None` is no limit.
    limit: Option<u64>,
}

/// The groups that this process is in, up to the root.
pub(super) struct Limits {
    levels: Vec<Level>,
}

impl Limits {
    /// Finds the groups. What limits a program in a container is no limit for the machine around it.
    pub(super) fn find(roots: &Roots) -> Self {
        let text = if roots.are_around() {
            String::new()
        } else {
            fs::read_to_string(roots.proc.join("self/cgroup")).unwrap_or_default()
        };
        let root = roots.sys.join("fs/cgroup");
        let levels = text
            .lines()
            .filter_map(|line| {
                let mut parts = line.splitn(3, ':');
                let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
                if controllers.split(',').any(|controller| controller == "memory") {
                    return Some((root.join("memory"), &V1, path));
                }
                let unified = root.join("unified");
                let mount = if unified.is_dir() { unified } else { root.clone() };
                (id == "0" && controllers.is_empty()).then_some((mount, &V2, path))
            })
            .flat_map(|(mount, names, path)| levels(&mount, names, path))
            .collect();
        Self { levels }
    }

    /// Looks up the limits anew.
    pub(super) fn look_up(&mut self, buffer: &mut Vec<u8>) {
        for level in &mut self.levels {
            // Version 2 says `max` where there is none, version 1 a number larger than any memory.
            level.limit = level.max.read(buffer).ok().and_then(|()| single(buffer));
        }
    }

    /// What the groups leave, where one may hold less than there is. What is left is what may still be
    /// charged, and the cache of the group that would be dropped for it: an estimate, as half of what
    /// is in use of it is left alone.
    pub(super) fn read(&mut self, buffer: &mut Vec<u8>, sample: &mut Sample) {
        let Some(total) = sample.get(Field::Total) else { return };
        for level in &mut self.levels {
            let Some(limit) = level.limit.filter(|&limit| limit < total) else { continue };
            let Some(left) = level.left(limit, buffer) else { continue };
            let least =
                |field, bytes: u64| sample.get(field).map_or(bytes, |least| least.min(bytes));
            let (limit, left) = (least(Field::Limit, limit), least(Field::LimitLeft, left));
            sample.set(Field::Limit, Some(limit));
            sample.set(Field::LimitLeft, Some(left));
        }
    }
}

impl Level {
    fn left(&mut self, limit: u64, buffer: &mut Vec<u8>) -> Option<u64> {
        let current = self.current.number(buffer)?;
        let mut cache = 0_u64;
        if self.stat.read(buffer).is_ok() {
            for line in lines(buffer) {
                let mut words = words(line);
                let Some((key, value)) = words.next().zip(words.next().and_then(number)) else {
                    continue;
                };
                let given = if key == self.names.inactive_file || key == b"slab_reclaimable" {
                    value
                } else if key == self.names.active_file {
                    value / 2
                } else {
                    0
                };
                cache = cache.saturating_add(given);
            }
        }
        Some(limit.saturating_sub(current).saturating_add(cache.min(current)).min(limit))
    }
}

/// The group at `path` below `mount`, and those above it. In a container `path` is often one that only
/// the host can see: then the mount is the container's own group.
fn levels(mount: &Path, names: &'static Names, path: &str) -> Vec<Level> {
    let inside = mount.join(path.trim_start_matches('/'));
    let lowest = if inside.is_dir() && !path.contains("..") { inside } else { mount.to_owned() };
    let groups = lowest.ancestors().take_while(|group| group.starts_with(mount));
    groups
        .filter(|group| !is_own_service(group) && group.join(names.max).is_file())
        .map(|group| {
            let file = |name: &str| KeptFile::open(PathBuf::from(group).join(name));
            let (max, current, stat) = (file(names.max), file(names.current), file("memory.stat"));
            Level { names, max, current, stat, limit: None }
        })
        .collect()
}

/// The limit of Headroom's own service is for Headroom, not for what runs beside it.
fn is_own_service(group: &Path) -> bool {
    let name = group.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with("headroom") && name.ends_with(".service")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;

    const MIB: u64 = 1 << 20;

    fn read(files: &[(&str, &str)]) -> (Option<u64>, Option<u64>) {
        let tree = Tree::new(files);
        let mut limits = Limits::find(&tree.roots());
        let mut sample = Sample::EMPTY;
        sample.set(Field::Total, Some(1000 * MIB));
        let mut buffer = Vec::new();
        limits.look_up(&mut buffer);
        limits.read(&mut buffer, &mut sample);
        let mib = |field| sample.get(field).map(|bytes| bytes / MIB);
        (mib(Field::Limit), mib(Field::LimitLeft))
    }

    #[test]
    fn the_tightest_of_all_levels_counts() {
        let tree = [
            ("proc/self/cgroup", "0::/user.slice/app.scope\n"),
            ("sys/fs/cgroup/user.slice/app.scope/memory.max", "max\n"),
            ("sys/fs/cgroup/user.slice/app.scope/memory.current", "1\n"),
            ("sys/fs/cgroup/user.slice/memory.max", "209715200\n"),
            ("sys/fs/cgroup/user.slice/memory.current", "104857600\n"),
            (
                "sys/fs/cgroup/user.slice/memory.stat",
                "anon 7\ninactive_file 10485760\nactive_file 20971520\nslab_reclaimable 1048576\n",
            ),
        ];
        assert_eq!(read(&tree), (Some(200), Some(100 + 10 + 10 + 1)));
    }

    #[test]
    fn a_container_is_limited_at_the_root_it_sees() {
        let tree = [
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "104857600\n"),
            ("sys/fs/cgroup/memory.current", "104857600\n"),
        ];
        assert_eq!(read(&tree), (Some(100), Some(0)));
        let hidden = [("proc/self/cgroup", "0::/docker/0123456789ab\n"), tree[1], tree[2]];
        assert_eq!(read(&hidden), (Some(100), Some(0)));
    }

    #[test]
    fn version_1_says_no_limit_by_a_huge_number() {
        let limit = "sys/fs/cgroup/memory/a/memory.limit_in_bytes";
        let tree = |bytes| {
            [
                ("proc/self/cgroup", "5:cpu,memory:/a\n0::/\n"),
                (limit, bytes),
                ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "52428800\n"),
                ("sys/fs/cgroup/memory/a/memory.stat", "total_inactive_file 1048576\n"),
            ]
        };
        assert_eq!(read(&tree("9223372036854771712\n")), (None, None));
        assert_eq!(read(&tree("104857600\n")), (Some(100), Some(51)));
    }

    #[test]
    fn the_limit_of_the_own_service_is_not_the_nodes() {
        let tree = [
            ("proc/self/cgroup", "0::/system.slice/headroom-agent.service\n"),
            ("sys/fs/cgroup/system.slice/headroom-agent.service/memory.max", "67108864\n"),
            ("sys/fs/cgroup/system.slice/headroom-agent.service/memory.current", "1\n"),
        ];
        assert_eq!(read(&tree), (None, None));
        assert_eq!(read(&[]), (None, None));
    }
}
