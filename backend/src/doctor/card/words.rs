//! Amounts as disks have them, spans of years, and what helps against whoever writes most.

use shared::units::three_digits;

use crate::probe::survey::{HEADROOM, Wrote};

/// Bytes in powers of ten, as disks are sold: `1.20 GB`.
pub(super) fn amount(bytes: u64) -> String {
    let mut value = bytes as f64;
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let units = ["kB", "MB", "GB", "TB", "PB"];
    let mut unit = "B";
    for larger in units {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = larger;
    }
    format!("{} {unit}", three_digits(value))
}

/// Days in words, however many.
pub(super) fn long(days: u128) -> String {
    match days {
        0 => "less than a day".into(),
        1 => "a day".into(),
        2..60 => format!("{days} days"),
        60..730 => format!("{} months", days / 30),
        730..36_500 => format!("{} years", days / 365),
        _ => "more than a hundred years".into(),
    }
}

/// What helps against who writes most. `written` is what the whole card took.
pub(super) fn advice(wrote: &[Wrote], written: u64, has_swap: bool) -> String {
    let told = wrote.iter().fold(0_u64, |sum, wrote| sum.saturating_add(wrote.bytes));
    let rest = written.saturating_sub(told);
    let most = wrote.first().filter(|most| most.bytes > 0);
    if has_swap && most.is_none_or(|most| rest > most.bytes) {
        return "To write less, swap to zram in place of the card; see the finding swap_on_sd."
            .into();
    }
    let Some(most) = most else {
        return "To write less, have logs and scratch files in RAM, as with log2ram.".into();
    };
    let name = most.name.as_str();
    let is = |names: &[&str]| names.contains(&name);
    if name == HEADROOM {
        "To write less, let history be written more seldom: `commit = \"1h\"` in the table `[history]` of \
         `/etc/headroom/headroom.toml`."
            .into()
    } else if name.starts_with("systemd-journal") {
        "To write less, keep the journal in RAM: write the lines `[Journal]` and `Storage=volatile` into \
         `/etc/systemd/journald.conf.d/volatile.conf`, and run `sudo systemctl restart systemd-journald`; \
         it is then lost with each restart."
            .into()
    } else if is(&["rsyslog", "rsyslogd", "syslog-ng"]) {
        format!(
            "To write less, `sudo systemctl disable --now {}`: the journal has the same; or keep \
             `/var/log` in RAM with log2ram.",
            if name == "syslog-ng" { name } else { "rsyslog" }
        )
    } else if is(&["k3s", "k3s-agent", "k3s-server", "etcd", "microk8s"]) {
        "To write less, move the data of Kubernetes, such as `/var/lib/rancher`, to a USB disk or an NVMe \
         drive: its database writes all the time."
            .into()
    } else if is(&["docker", "dockerd", "containerd"]) {
        "To write less, let containers log to RAM (`\"log-driver\": \"journald\"` in \
         `/etc/docker/daemon.json`, and the journal volatile), or move `/var/lib/docker` to a USB disk."
            .into()
    } else {
        format!(
            "To write less, move what {name} writes to a USB disk or an NVMe drive, or into RAM, as log2ram \
             does with `/var/log`."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_those_of_disks() {
        let table = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (50_000_000, "50.0 MB"),
            (999_600_000, "1.00 GB"),
            (31_914_983_424, "31.9 GB"),
            (u64::MAX, "18447 PB"),
        ];
        for (bytes, text) in table {
            assert_eq!(amount(bytes), text);
        }
    }

    #[test]
    fn spans_are_as_long_as_they_are() {
        let table = [(0, "less than a day"), (27, "27 days"), (300, "10 months"), (800, "2 years")];
        for (days, text) in table {
            assert_eq!(long(days), text);
        }
        assert_eq!(long(u128::MAX), "more than a hundred years");
    }

    #[test]
    fn advice_is_for_whoever_writes_most() {
        let wrote = |name: &str, bytes| Wrote { name: name.into(), bytes };
        let of = |name: &str| advice(&[wrote(name, 10), wrote("x", 1)], 20, false);
        for (name, has) in [
            ("systemd-journald", "Storage=volatile"),
            ("rsyslog", "disable --now rsyslog"),
            ("k3s", "/var/lib/rancher"),
            ("containerd", "/var/lib/docker"),
            (HEADROOM, "commit = \"1h\""),
            ("grafana", "what grafana writes"),
        ] {
            assert!(of(name).contains(has), "{name}: {}", of(name));
        }
        assert!(advice(&[wrote("x", 1)], 20, true).contains("swap_on_sd"));
        assert!(advice(&[wrote("x", 19)], 20, true).contains("what x writes"));
        assert!(advice(&[], 20, false).contains("log2ram"));
    }
}
