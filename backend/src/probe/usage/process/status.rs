//! `/proc/PID/status` and `smaps_rollup`. Pure.

use super::super::MOST_NAME_CHARS;
use crate::probe::{parse, text};

/// What is taken of `status`; amounts in bytes (`proc_pid_status(5)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// `Name`, fit to be shown.
    pub(super) name: String,
    /// `RssAnon`.
    pub(super) anon: u64,
    /// `RssFile`.
    pub(super) file: u64,
    /// `RssShmem`.
    pub(super) shmem: u64,
    /// `VmSwap`.
    pub(super) swap: u64,
}

impl Status {
    /// `None` if it has no memory (any more). Kernels before 4.5 do not split what is resident; there
    /// it is taken from `statm`, whose shared pages count as files.
    pub(super) fn parse(text: &[u8], anon_of_statm: u64, shared_of_statm: u64) -> Option<Self> {
        let (mut name, mut resident) = (String::new(), None);
        let (mut anon, mut file, mut shmem, mut swap) = (None, None, None, None);
        for line in parse::lines(text) {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
            let value = &line[colon + 1..];
            match &line[..colon] {
                b"Name" => name = shown(value),
                b"VmRSS" => resident = parse::kib(value),
                b"RssAnon" => anon = parse::kib(value),
                b"RssFile" => file = parse::kib(value),
                b"RssShmem" => shmem = parse::kib(value),
                b"VmSwap" => {
                    swap = parse::kib(value);
                    // Nothing that is wanted comes after it.
                    break;
                }
                _ => {}
            }
        }
        resident.or(anon)?;
        let (anon, file, shmem) = match (anon, file, shmem) {
            (Some(anon), Some(file), Some(shmem)) => (anon, file, shmem),
            _ => (anon_of_statm, shared_of_statm, 0),
        };
        let name = if name.is_empty() { "?".to_owned() } else { name };
        Some(Self { name, anon, file, shmem, swap: swap.unwrap_or_default() })
    }
}

fn shown(name: &[u8]) -> String {
    text::clean(&String::from_utf8_lossy(name), MOST_NAME_CHARS)
}

/// `Pss` of `smaps_rollup`, in bytes (`proc_pid_smaps(5)`).
pub(super) fn pss(text: &[u8]) -> Option<u64> {
    parse::lines(text).find_map(|line| parse::kib(line.strip_prefix(b"Pss:")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::text::tests::{hostile, is_clean};
    use proptest::prelude::*;

    const STATUS: &str = "Name:\tpostgres\nUmask:\t0077\nState:\tS (sleeping)\nPid:\t9\n\
        VmPeak:\t  58472 kB\nVmRSS:\t   6716 kB\nRssAnon:\t   2092 kB\nRssFile:\t   4600 kB\n\
        RssShmem:\t     24 kB\nVmData:\t 2580 kB\nVmSwap:\t    660 kB\nThreads:\t1\n";

    #[test]
    fn amounts_are_in_bytes() {
        let status = Status::parse(STATUS.as_bytes(), 1, 2).unwrap();
        let kib = |bytes: u64| bytes / 1024;
        assert_eq!(status.name, "postgres");
        assert_eq!((kib(status.anon), kib(status.file)), (2092, 4600));
        assert_eq!((kib(status.shmem), kib(status.swap)), (24, 660));
    }

    #[test]
    fn an_old_kernel_is_helped_out_by_statm() {
        let text = "Name:\tinit\nVmRSS:\t 300 kB\nVmSwap:\t 4 kB\n";
        let status = Status::parse(text.as_bytes(), 100, 200).unwrap();
        assert_eq!((status.anon, status.file, status.shmem, status.swap), (100, 200, 0, 4096));
    }

    #[test]
    fn kernel_threads_and_zombies_have_none() {
        assert_eq!(
            Status::parse(b"Name:\tkthreadd\nState:\tS (sleeping)\nThreads:\t1\n", 1, 1),
            None
        );
        assert_eq!(Status::parse(b"", 1, 1), None);
    }

    #[test]
    fn pss_is_the_line_of_that_name() {
        let text = "55f3-7fff ---p 00000000 00:00 0  [rollup]\nRss:   1616 kB\nPss:    248 kB\n\
            Pss_Dirty:  112 kB\nPss_Anon: 112 kB\nSwapPss: 7 kB\n";
        assert_eq!(pss(text.as_bytes()), Some(248 * 1024));
        assert_eq!(pss(b"Pss_Dirty: 112 kB\n"), None);
    }

    proptest! {
        #[test]
        fn names_come_out_clean(name in hostile(), bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut text = b"Name:\t".to_vec();
            text.extend(name.replace('\n', "\\n").bytes());
            text.extend(bytes.into_iter().filter(|&byte| byte != b'\n'));
            text.extend(b"\nVmRSS:\t1 kB\n");
            let name = Status::parse(&text, 0, 0).unwrap().name;
            prop_assert!(!name.is_empty() && is_clean(&name, MOST_NAME_CHARS), "{name:?}");
        }
    }
}
