//! Small trees of control groups.

use super::*;
use crate::probe::tree::Tree;

const ID: &str = "4f0c1d9be1a2034f0c1d9be1a2034f0c1d9be1a2034f0c1d9be1a203aaaabbbb";

struct Fake {
    tree: Tree,
}

impl Fake {
    fn new() -> (Self, Groups) {
        let tree = Tree::empty();
        let groups = Groups::new(&tree.roots());
        (Self { tree }, groups)
    }

    /// Below `/sys/fs/cgroup`.
    fn write(&self, path: &str, text: &str) {
        self.tree.write(&format!("sys/fs/cgroup/{path}"), text);
    }

    fn group(&self, path: &str, current: u64, inactive_file: u64) {
        self.write(&format!("{path}/memory.current"), &format!("{current}\n"));
        let stat = format!("anon 1\nfile 2\ninactive_anon 3\ninactive_file {inactive_file}\n");
        self.write(&format!("{path}/memory.stat"), &stat);
    }
}

#[test]
fn version_2_is_read_whole() {
    let (fake, mut groups) = Fake::new();
    fake.write("cgroup.controllers", "cpuset cpu io memory pids\n");
    fake.group("system.slice", 99_000, 0);
    fake.group("system.slice/ssh.service", 5000, 4500);
    fake.write("system.slice/ssh.service/memory.max", "max\n");
    fake.write("system.slice/ssh.service/memory.high", "7000\n");
    let docker = format!("system.slice/docker-{ID}.scope");
    fake.group(&docker, 3000, 1000);
    fake.write(&format!("{docker}/memory.max"), "8000\n");
    fake.write(&format!("{docker}/memory.high"), "max\n");
    fake.write(&format!("{docker}/memory.swap.current"), "64\n");
    fake.write(
        &format!("{docker}/memory.events"),
        "low 0\nhigh 1\nmax 12\noom 3\noom_kill 2\noom_group_kill 9\n",
    );
    fake.group(&format!("{docker}/inner"), 2000, 0);
    fake.group("empty.service", 0, 0);
    fake.write("vanished.service/memory.current", "77\n");
    fake.write("not-counted/cgroup.procs", "");
    let taken = groups.take();
    let container = GroupUsage {
        path: format!("/{docker}"),
        name: "4f0c1d9be1a2".into(),
        kind: "docker".into(),
        current: 3000,
        inactive_file: 1000,
        swap: Some(64),
        limit: Some(8000),
        high: None,
        oom_kills: Some(2),
        limit_hits: Some(12),
    };
    let service = GroupUsage {
        path: "/system.slice/ssh.service".into(),
        name: "ssh".into(),
        kind: "service".into(),
        current: 5000,
        inactive_file: 4500,
        high: Some(7000),
        ..GroupUsage::default()
    };
    assert_eq!(taken.largest, [container, service]);
    assert_eq!((taken.count, taken.why_none), (3, None));
}

#[test]
fn version_1_is_read_in_its_own_words() {
    let (fake, mut groups) = Fake::new();
    fake.write("unified/cgroup.controllers", "hugetlb\n");
    fake.write("memory/memory.usage_in_bytes", "900000\n");
    fake.write("memory/memory.stat", "total_inactive_file 0\n");
    fake.write("memory/docker/memory.usage_in_bytes", "9100\n");
    let write =
        |file: &str, text: &str| fake.write(&format!("memory/docker/{ID}/memory.{file}"), text);
    write("usage_in_bytes", "9000\n");
    write("memsw.usage_in_bytes", "9500\n");
    write("limit_in_bytes", "9223372036854771712\n");
    write("stat", "inactive_file 7\ntotal_inactive_file 800\n");
    write("oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
    write("failcnt", "31\n");
    let taken = groups.take();
    let expected = GroupUsage {
        path: format!("/docker/{ID}"),
        name: "4f0c1d9be1a2".into(),
        kind: "docker".into(),
        current: 9000,
        inactive_file: 800,
        swap: Some(500),
        limit: None,
        high: None,
        oom_kills: Some(4),
        limit_hits: Some(31),
    };
    assert_eq!((taken.count, taken.largest), (1, vec![expected]));
    write("limit_in_bytes", "8192\n");
    assert_eq!(groups.take().largest[0].limit, Some(8192));
    fs::remove_dir_all(fake.tree.path("sys/fs/cgroup/memory/docker")).unwrap();
    assert_eq!(groups.take().count, 0, "the root is no group");
}

#[test]
fn the_unified_tree_counts_where_it_has_the_controller() {
    let (fake, mut groups) = Fake::new();
    fake.write("unified/cgroup.controllers", "memory\n");
    fake.group("unified/a.service", 5, 1);
    assert_eq!(groups.take().largest[0].name, "a");
}

#[test]
fn inside_a_container_its_root_is_the_group() {
    let (fake, mut groups) = Fake::new();
    fake.write("cgroup.controllers", "memory\n");
    fake.group(".", 5000, 1000);
    let taken = groups.take();
    assert_eq!((&*taken.largest[0].path, &*taken.largest[0].name), ("/", "this container"));
}

#[test]
fn why_there_are_none_is_said() {
    let (fake, mut groups) = Fake::new();
    let mut why = || groups.take().why_none.unwrap();
    assert!(why().contains("nothing is mounted"));
    fake.write("cgroup.controllers", "cpuset cpu io pids\n");
    assert!(why().contains("headroom doctor"));
    fake.write("cgroup.controllers", "cpu memory\n");
    fake.write("a.service/cgroup.procs", "");
    assert!(why().contains("No control group"));
}

#[test]
fn the_largest_working_sets_are_told_of() {
    let (fake, mut groups) = Fake::new();
    fake.write("cgroup.controllers", "memory\n");
    for number in 1..=100 {
        // Much cache that can go, the more the less it needs.
        fake.group(&format!("job{number:03}.service"), 1_000_000 - number, 900_000 - 2 * number);
    }
    let taken = groups.take();
    assert_eq!((taken.count, taken.largest.len()), (100, MOST_GROUPS));
    let names: Vec<&str> = taken.largest.iter().map(|group| group.name.as_str()).collect();
    assert_eq!((names[0], names[MOST_GROUPS - 1]), ("job100", "job041"));
}

#[test]
fn paths_and_names_come_out_clean() {
    let (fake, mut groups) = Fake::new();
    fake.write("cgroup.controllers", "memory\n");
    fake.group("\u{1b}[2J\u{202e}evil.service", 5, 1);
    let group = groups.take().largest.remove(0);
    assert_eq!((&*group.path, &*group.name), ("/[2Jevil.service", "[2Jevil"));
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_tells_of_groups_or_why_not() {
    let roots = Roots::default();
    let taken = Groups::new(&roots).take();
    assert_eq!(taken.largest.is_empty(), taken.why_none.is_some());
    assert!(taken.count as usize >= taken.largest.len());
    assert!(taken.largest.is_sorted_by_key(|group| std::cmp::Reverse(group.working_set())));
}
