//! Who has the memory: processes under the proc root and control groups under the sys root become a
//! [`Usage`].
//!
//! A sweep asks each process only what is cheap, and the costly things of those alone that may be
//! among the largest.

mod group;
mod lookup;
pub(super) mod name;
mod process;
pub(super) mod walk;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use shared::usage::Usage;

use super::Roots;

/// Names longer than this are cut.
const MOST_NAME_CHARS: usize = 64;

/// A sweep over the processes and control groups of a node; keeps descriptors open between sweeps.
pub struct Sweep {
    processes: process::Processes,
    groups: group::Groups,
}

impl Sweep {
    /// Reads nothing yet. `page_size` is the kernel's, in bytes: `statm` counts in pages.
    #[must_use]
    pub fn new(roots: &Roots, page_size: u64) -> Self {
        Self {
            processes: process::Processes::new(&roots.proc, page_size),
            groups: group::Groups::new(roots),
        }
    }

    /// Takes one sweep. `swap_in_use` says whether anything at all is swapped out; if so, more
    /// processes are asked. `time_left` is asked before each slow measurement ([`Usage`]'s `pss`),
    /// which costs about 14 µs per MiB of the process on a fast machine; what there is no time for
    /// stays `None`.
    ///
    /// Times are the caller's to fill in: `uptime_us` and `took_us` are 0.
    pub fn take(&mut self, swap_in_use: bool, time_left: &mut dyn FnMut() -> bool) -> Usage {
        let (process_count, mut processes) = self.processes.take(swap_in_use);
        let groups = self.groups.take();
        // Last, because all else is worth more.
        self.processes.measure_pss(&mut processes, time_left);
        Usage {
            uptime_us: 0,
            took_us: 0,
            process_count,
            processes,
            group_count: groups.count,
            groups: groups.largest,
            no_groups: groups.why_none,
        }
    }
}

/// The `most` largest of `bounded`, largest first, where each comes with a bound that it does not
/// exceed. No more are measured than it takes to know that no other can be among them.
fn largest<T, M>(
    mut bounded: Vec<(u64, T)>,
    most: usize,
    mut measure: impl FnMut(T) -> Option<M>,
    size: impl Fn(&M) -> u64,
) -> Vec<M> {
    bounded.sort_by_key(|&(bound, _)| Reverse(bound));
    let mut measured = Vec::with_capacity(most);
    let mut sizes = BinaryHeap::with_capacity(most + 1);
    for (bound, candidate) in bounded {
        if sizes.len() == most && sizes.peek().is_none_or(|&Reverse(least)| least >= bound) {
            break;
        }
        let Some(found) = measure(candidate) else { continue };
        sizes.push(Reverse(size(&found)));
        if sizes.len() > most {
            sizes.pop();
        }
        measured.push(found);
    }
    measured.sort_by_key(|found| Reverse(size(found)));
    measured.truncate(most);
    measured
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tree::Tree;
    use proptest::prelude::*;

    #[test]
    fn few_are_measured_where_the_bounds_are_good() {
        let mut count = 0;
        let bounded: Vec<(u64, u64)> = (0..1000).map(|size| (size + 2, size)).collect();
        let found = largest(
            bounded,
            3,
            |size| {
                count += 1;
                Some(size)
            },
            |&size| size,
        );
        assert_eq!(found, [999, 998, 997]);
        assert_eq!(count, 4, "the fourth could have been as large as the third");
    }

    #[test]
    fn what_has_vanished_takes_nobodys_place() {
        let found = largest(vec![(9, 1), (8, 2), (7, 3)], 2, |id| (id != 1).then_some(id), |_| 7);
        assert_eq!(found, [2, 3]);
    }

    #[test]
    fn a_sweep_tells_of_processes_and_groups() {
        let tree = Tree::empty();
        let mut sweep = Sweep::new(&tree.roots(), 16 * 1024);
        assert!(sweep.take(true, &mut || true).no_groups.is_some());
        for (path, text) in [
            ("proc/9/statm", "900 30 10 1 0 1 0\n"),
            ("proc/9/status", "Name:\told kernel\nVmRSS:\t 480 kB\nVmSwap:\t 16 kB\n"),
            ("proc/9/smaps_rollup", "Rss: 480 kB\nPss: 400 kB\n"),
            ("sys/fs/cgroup/cgroup.controllers", "memory\n"),
            ("sys/fs/cgroup/a.service/memory.current", "5000\n"),
            ("sys/fs/cgroup/a.service/memory.stat", "inactive_file 1000\n"),
        ] {
            tree.write(path, text);
        }
        let usage = sweep.take(true, &mut || true);
        assert_eq!((usage.process_count, usage.group_count, usage.no_groups), (1, 1, None));
        let [process] = &usage.processes[..] else { panic!("{:?}", usage.processes) };
        let kib = |bytes: u64| bytes / 1024;
        assert_eq!((kib(process.anon), kib(process.file), kib(process.swap)), (320, 160, 16));
        assert_eq!(process.pss.map(kib), Some(400));
        assert_eq!(usage.groups[0].working_set(), 4000);
    }

    proptest! {
        #[test]
        fn the_largest_are_found(
            sizes in proptest::collection::vec((0_u64..100, 0_u64..100), 0..60),
            most in 0_usize..20,
        ) {
            let bounded = sizes.iter().map(|&(size, slack)| (size + slack, size)).collect();
            let found = largest(bounded, most, Some, |&size| size);
            let mut all: Vec<u64> = sizes.iter().map(|&(size, _)| size).collect();
            all.sort_unstable_by_key(|&size| Reverse(size));
            all.truncate(most);
            prop_assert_eq!(found, all);
        }
    }
}
