//! Tests of `rosetta`.

use super::*;

const MIB: u64 = 1 << 20;

fn sample(values: &[(Field, u64)]) -> Sample {
    let mut sample = Sample::EMPTY;
    for &(field, mib) in values {
        sample.set(field, Some(mib * MIB));
    }
    sample
}

fn used_mib(sample: &Sample, name: &str, versions: &str) -> Option<u64> {
    let tool = TOOLS.iter().find(|tool| tool.name == name && tool.versions.contains(versions));
    tool.unwrap().told(sample).used.map(|bytes| bytes / MIB)
}

const ORDINARY: &[(Field, u64)] = &[
    (Field::Total, 1000),
    (Field::Free, 300),
    (Field::Available, 600),
    (Field::Buffers, 20),
    (Field::Cached, 380),
    (Field::Shmem, 60),
    (Field::SlabReclaimable, 40),
    (Field::KernelReclaimable, 50),
    (Field::Slab, 70),
];

#[test]
fn each_tool_reckons_in_its_own_way() {
    let sample = sample(ORDINARY);
    for (name, versions, mib) in [
        ("Headroom", "", 400),
        ("free", "4.0.1", 400),
        ("free", "3.3.12", 260),
        ("free", "3.3.11", 230),
        ("free", "3.3.9", 700),
        ("psutil", "7.1", 400),
        ("psutil", "7.0", 260),
        ("htop", "", 320),
        ("btop", "", 400),
        ("netdata", "", 310),
        ("Glances", "", 400),
        ("Beszel", "", 400),
        ("Zabbix", "", 700),
    ] {
        assert_eq!(used_mib(&sample, name, versions), Some(mib), "{name} {versions}");
    }
    assert_eq!(used_mib(&sample, "node_exporter", ""), None);
}

#[test]
fn what_is_missing_is_not_made_up_but_as_the_tool_does() {
    let mut sample = sample(ORDINARY);
    sample.set(Field::Available, Some(0));
    assert_eq!(used_mib(&sample, "Headroom", ""), Some(1000), "0 is an answer");
    assert_eq!(used_mib(&sample, "free", "4.0.1"), Some(700), "0 becomes free");
    assert_eq!(used_mib(&sample, "psutil", "7.1"), Some(320), "0 becomes free and cached");
    for tool in TOOLS {
        assert_eq!(tool.told(&Sample::EMPTY), Told::default());
    }
}

#[test]
fn what_is_estimated_is_said_to_be() {
    let mut sample = sample(ORDINARY);
    let words = |sample: &Sample| {
        TOOLS.iter().map(|tool| tool.told(sample).available_in_words(sample)).collect::<Vec<_>>()
    };
    assert_eq!(words(&sample)[0], "600 MiB");
    sample.set(Field::Available, None);
    for words in words(&sample) {
        assert!(words == "—" || words.ends_with(" (estimated)"), "{words}");
    }
    assert_eq!(words(&sample)[0], "690 MiB (estimated)");
}

#[test]
fn every_row_says_why() {
    for tool in TOOLS {
        assert!(tool.reason.ends_with('.') && !tool.formula.is_empty(), "{}", tool.name);
    }
}
