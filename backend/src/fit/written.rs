//! The answer for programs that start jobs: which hosts, and how many copies on each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use shared::NodeId;
use shared::fit::Answer;

/// A form in which places are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A hostfile of Open MPI: `host slots=2`.
    OpenMpi,
    /// A hostfile of MPICH and its kin (Hydra): `host:2`.
    Mpich,
    /// One line with the nodes as Slurm lists them: `pi-[01-04,07]`.
    Slurm,
    /// A line for each copy, with the name of its host.
    Plain,
}

impl Written {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::OpenMpi, Self::Mpich, Self::Slurm, Self::Plain];

    /// Its name: `openmpi`, `mpich`, `slurm`, `plain`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenMpi => "openmpi",
            Self::Mpich => "mpich",
            Self::Slurm => "slurm",
            Self::Plain => "plain",
        }
    }

    /// The places of `answer`, which must fit.
    #[must_use]
    pub fn of(self, answer: &Answer) -> String {
        let hosts = hosts(answer);
        let mut text = String::new();
        for (host, copies) in &hosts {
            // Writing to a String cannot fail.
            match self {
                Self::OpenMpi => writeln!(text, "{host} slots={copies}").ok(),
                Self::Mpich => writeln!(text, "{host}:{copies}").ok(),
                Self::Plain => (0..*copies).try_for_each(|_| writeln!(text, "{host}")).ok(),
                Self::Slurm => break,
            };
        }
        if self == Self::Slurm {
            let names = hosts.iter().map(|(host, _)| host.as_str()).collect();
            text = hostlist(names) + "\n";
        }
        text
    }
}

/// The hosts with copies, most first. A node is named as its machine calls itself, unless that is no name
/// of a host, or several nodes have it: then as the head does.
fn hosts(answer: &Answer) -> Vec<(String, u32)> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for node in &answer.nodes {
        *count.entry(node.host_name.to_ascii_lowercase()).or_default() += 1;
    }
    let host = |name: &str, id: &NodeId| {
        let is_alone = count.get(&name.to_ascii_lowercase()) == Some(&1);
        if is_alone && is_host_name(name) { name.to_owned() } else { id.to_string() }
    };
    let placed = answer.nodes.iter().filter(|node| node.copies > 0);
    placed.map(|node| (host(&node.host_name, &node.id), node.copies)).collect()
}

/// Whether others can mean a machine by it (RFC 1123 §2.1), and not their own.
fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_own = name.split('.').next().is_some_and(|it| it.eq_ignore_ascii_case("localhost"));
    name.len() <= 253 && !is_own && name.split('.').all(is_label)
}

/// Names as Slurm lists them: those that differ only in the number they end with are put together.
fn hostlist(names: Vec<&str>) -> String {
    let mut plain: Vec<String> = Vec::new();
    let mut numbered: BTreeMap<&str, Vec<(u64, &str)>> = BTreeMap::new();
    for name in names {
        let start = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &name[start.len()..];
        match digits.parse() {
            // Without a prefix it is not a name to Slurm, and longer numbers are no numbers.
            Ok(number) if !start.is_empty() && digits.len() < 10 => {
                numbered.entry(start).or_default().push((number, digits));
            }
            _ => plain.push(name.to_owned()),
        }
    }
    let mut all: Vec<String> =
        numbered.into_iter().map(|(start, of)| bracketed(start, of)).collect();
    plain.sort_unstable();
    all.extend(plain);
    all.join(",")
}

fn bracketed(start: &str, mut numbers: Vec<(u64, &str)>) -> String {
    // Of the same number with other zeros before it, each kind by itself.
    numbers.sort_unstable_by_key(|&(number, digits)| (number, digits.len()));
    let mut runs: Vec<(&str, &str)> = Vec::new();
    let mut last = 0;
    for &(number, digits) in &numbers {
        // Slurm writes all numbers of a range with as many digits as its first has, or more.
        let follows = |&(first, _): &(&str, &str)| {
            number == last + 1 && format!("{number:0width$}", width = first.len()) == digits
        };
        match runs.last_mut() {
            Some(run) if follows(run) => run.1 = digits,
            _ => runs.push((digits, digits)),
        }
        last = number;
    }
    if let ([(first, end)], true) = (&runs[..], numbers.len() == 1) {
        debug_assert_eq!(first, end);
        return format!("{start}{first}");
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(first, end)| if first == end { first.into() } else { format!("{first}-{end}") })
        .collect();
    format!("{start}[{}]", runs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::fit::NodeFit;

    #[test]
    fn slurm_lists_are_short_and_keep_zeros() {
        for (names, list) in [
            ("pi-1", "pi-1"),
            ("pi-01 pi-02 pi-03 pi-04 pi-07", "pi-[01-04,07]"),
            ("pi-07 pi-04 pi-01", "pi-[01,04,07]"),
            ("pi-8 pi-9 pi-10 pi-11", "pi-[8-11]"),
            ("pi-08 pi-09 pi-10 pi-99 pi-100", "pi-[08-10,99-100]"),
            ("pi-1 pi-01 pi-02 pi-2", "pi-[1,01,2,02]"),
            ("pi-009 pi-010 pi-11", "pi-[009-010,11]"),
            ("b2 a1 b1 login head", "a1,b[1-2],head,login"),
            ("n1.cluster n2.cluster", "n1.cluster,n2.cluster"),
            ("123 124", "123,124"),
            ("rack-2024112612345678", "rack-2024112612345678"),
        ] {
            assert_eq!(hostlist(names.split(' ').collect()), list, "{names}");
        }
    }

    fn node(id: &str, host_name: &str, copies: u32) -> NodeFit {
        NodeFit {
            id: NodeId::from_host_name(id),
            host_name: host_name.into(),
            floor: None,
            floor_over_ms: 0,
            held: 0,
            room: copies,
            copies,
            because: None,
            reserve: 0,
        }
    }

    #[test]
    fn hosts_are_called_by_names_that_work_elsewhere() {
        let nodes = vec![
            node("a", "Pi-A.lan", 3),
            node("b", "evil\nrm slots=9", 2),
            node("c", "raspberrypi", 2),
            node("d", "localhost", 1),
            node("e", "RASPBERRYPI", 0),
        ];
        let answer = crate::fit::tests::answer_of(nodes);
        assert_eq!(
            Written::OpenMpi.of(&answer),
            "Pi-A.lan slots=3\nb slots=2\nc slots=2\nd slots=1\n"
        );
        assert_eq!(Written::Mpich.of(&answer), "Pi-A.lan:3\nb:2\nc:2\nd:1\n");
        assert_eq!(Written::Plain.of(&answer), "Pi-A.lan\nPi-A.lan\nPi-A.lan\nb\nb\nc\nc\nd\n");
        assert_eq!(Written::Slurm.of(&answer), "Pi-A.lan,b,c,d\n");
        for wrong in ["", "-a", "a-", "a..b", "a b", "ü", "a_b", "localhost.localdomain"] {
            assert!(!is_host_name(wrong), "{wrong}");
        }
    }
}
