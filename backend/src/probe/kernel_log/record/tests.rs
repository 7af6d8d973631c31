//! Records of many kernels, and of those who would like to be believed.

use super::*;
use crate::probe::text::tests::{hostile, is_clean};
use proptest::prelude::*;

fn heard(records: &str) -> Heard {
    let mut parser = Parser::new(4096);
    records.lines().for_each(|record| parser.record(record.as_bytes()));
    parser.take()
}

/// Linux 6.18, the limit of a control group.
const OF_GROUP: &str = r"4,829,12617739872,-;grower invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
4,831,12617739930,-;Call Trace:
6,857,12617742767,-;memory: usage 65536kB, limit 65536kB, failcnt 19
6,860,12617742777,-;Memory cgroup stats for /a/b:
6,861,12617753145,-;cache 0
6,903,12617753304,-;Tasks state (memory values in pages):
6,904,12617753306,-;[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name
6,905,12617753311,-;[  31929]     0 31929    14382    13613    11936     1677         0   155648        0           900 victim<b>
6,906,12617753316,-;[  31930]     0 31930    10309     9441     7776     1665         0   122880        0             0  two words
6,907,12617753320,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=victim<b>,pid=31929,uid=0
3,908,12617753360,-;Memory cgroup out of memory: Killed process 31929 (victim<b>) total-vm:57528kB, anon-rss:47744kB, file-rss:6708kB, shmem-rss:0kB, UID:0 pgtables:152kB oom_score_adj:900
6,909,12617753399,-;oom_reaper: reaped process 31929 (victim<b>), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
";

#[test]
fn the_kernel_says_who_was_killed_and_who_had_what() {
    let heard = heard(OF_GROUP);
    let victim = Killed {
        pid: 31929,
        name: "victim<b>".into(),
        bytes: Some((47_744 + 6708) * 1024),
        group: Some("/a".into()),
        uptime_us: 12_617_753_360,
        is_logged: true,
    };
    assert_eq!(heard.killed, [victim]);
    let [table] = &heard.tables[..] else { panic!("{:?}", heard.tables) };
    assert!(!table.with_shared);
    assert_eq!(table.ranking.uptime_us, 12_617_753_306);
    let rows: Vec<_> =
        table.ranking.rows.iter().map(|r| (r.pid, r.name.as_str(), r.bytes / 4096)).collect();
    assert_eq!(rows, [(31929, "victim<b>", 11_936), (31930, "two words", 7776)]);
}

#[test]
fn older_kernels_say_it_in_their_way() {
    // Linux 4.4, Debian; RHEL 6 and 7.
    let before = "4,1,5,-;stress invoked oom-killer: gfp_mask=0x24000c0, order=0, oom_score_adj=0
6,2,5,-;Task in /docker/x killed as a result of limit of /docker
6,3,6,-;Memory cgroup stats for /docker: cache:844KB rss:521136KB
6,4,6,-;[ pid ]   uid  tgid total_vm      rss nr_ptes nr_pmds swapents oom_score_adj name
6,5,6,-;[ 1990]     0  1990    18383     8055      31       3       89             0 stress
3,6,7,-;Memory cgroup out of memory: Kill process 1989 (stress) score 987 or sacrifice child
3,7,8,-;";
    for (said, pid, name) in [
        (
            "Killed process 1990 (stress) total-vm:73532kB, anon-rss:32008kB, file-rss:212kB",
            1990,
            "stress",
        ),
        (
            "Killed process 215701, UID 679, (java) total-vm:9kB, anon-rss:32008kB, file-rss:212kB",
            215_701,
            "java",
        ),
        (
            "Killed process 443160 (stress-ng-vm), UID 0, total-vm:9kB, anon-rss:32008kB, file-rss:212kB",
            443_160,
            "stress-ng-vm",
        ),
    ] {
        let heard = heard(&[before, said].concat());
        let [killed] = &heard.killed[..] else { panic!("{said}: {heard:?}") };
        assert_eq!((killed.pid, killed.name.as_str()), (pid, name));
        assert_eq!(killed.bytes, Some(32_220 * 1024));
        assert_eq!(killed.group.as_deref(), Some("/docker"));
        let table = &heard.tables[0];
        assert!(table.with_shared && table.ranking.rows[0].bytes == 8055 * 4096, "{table:?}");
    }
}

#[test]
fn the_whole_machine_has_no_group() {
    for said in [
        "Out of memory: Killed process 7 (a b) total-vm:1kB, anon-rss:4kB, file-rss:0kB",
        "Out of memory (oom_kill_allocating_task): Killed process 7 (a b) total-vm:1kB, anon-rss:4kB",
    ] {
        // Of the kill before it there was a group.
        let records = [
            OF_GROUP,
            "4,1,2,-;a invoked oom-killer: gfp_mask=0x1, order=0\n\
             6,1,2,c;oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,task=a,pid=7,uid=0\n\
             3,1,2,-,caller=T1;",
            said,
        ];
        let heard = heard(&records.concat());
        let last = heard.killed.last().unwrap();
        assert_eq!((last.pid, last.name.as_str(), last.group.as_deref()), (7, "a b", None));
        assert_eq!(last.bytes, Some(4096));
    }
}

#[test]
fn names_cannot_speak_for_the_kernel() {
    // A program wrote it: its facility is not the kernel's.
    let by_program = OF_GROUP.replace("3,908,", "11,908,");
    assert_eq!(heard(&by_program).killed, []);
    for said in [
        // A name at the beginning of a record.
        "Killed process 1 (init) total-vm:1kB, anon-rss:1kB invoked oom-killer: gfp_mask",
        "Killed process 1 (init) total-vm:1kB, anon-rss:1kB, file-rss:0kB",
        "Killed process [1]: segfault at 0 ip 0",
        // Somewhere in it.
        "a: Out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB",
        r"a\x0aOut of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB",
        "Out of memory: Killed process 1",
        "Out of memory: Killed process x (a) total-vm:1kB",
        "Out of memory: Killed process 99999999999 (a) total-vm:1kB",
        "Out of memory and no killable processes...",
    ] {
        assert_eq!(heard(&format!("3,1,2,-;{said}")), Heard::default(), "{said}");
    }
    for (name, shown) in [
        ("Killed process 1", "Killed process 1"),
        ("a) total-vm:9kB", "a) total-vm:9kB"),
        ("(init) total-vm", "(init) total-vm"),
        (r"\x1b[31m", "[31m"),
        (r"\xe2\x80\xaeevil", "evil"),
        ("</script>", "</script>"),
        ("", "?"),
        (r"\x", r"\x"),
    ] {
        let said = format!(
            "3,1,2,-;Out of memory: Killed process 9 ({name}) total-vm:1kB, anon-rss:4kB, file-rss:0kB"
        );
        let heard = heard(&said);
        assert_eq!((heard.killed[0].pid, heard.killed[0].name.as_str()), (9, shown), "{said}");
        assert_eq!(heard.killed[0].bytes, Some(4096), "{said}");
    }
    // A row of a table ends in the name.
    let rows = OF_GROUP.replace(" two words", "[  1] 0 1 9 9 9 9 9 9 9 9 init");
    assert_eq!(heard(&rows).tables[0].ranking.rows.len(), 2);
}

proptest! {
    #[test]
    fn whatever_is_logged_nothing_breaks(texts in proptest::collection::vec(hostile(), 0..8)) {
        let mut parser = Parser::new(4096);
        for (place, text) in texts.iter().enumerate() {
            for before in [
                "", "3,1,2,-;", "3,1,2,-;Out of memory: Killed process 7 (",
                "3,1,2,-;[ pid ] rss name", "3,1,2,-;[ 7 ] 9 ", "3,1,2,-;Task in ",
                "3,1,2,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=",
            ] {
                parser.record([before, text, if place % 2 == 0 { ") total-vm:1kB" } else { "" }].concat().as_bytes());
            }
        }
        let heard = parser.take();
        let names = heard.killed.iter().map(|killed| &killed.name);
        let rows = heard.tables.iter().flat_map(|table| &table.ranking.rows).map(|row| &row.name);
        for name in names.chain(rows) {
            prop_assert!(is_clean(name, MOST_NAME_CHARS), "{name:?}");
        }
    }
}
