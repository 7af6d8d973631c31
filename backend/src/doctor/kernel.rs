//! What the kernel could tell, and does not.

use shared::Field;
use shared::memory::estimated_from_zones;
use shared::survey::Finding;
use shared::survey::Severity::Warning;
use shared::units::human;

use super::{Case, finding};
use crate::probe::survey::{Content, name};

/// PSI exists since Linux 4.20.
const FIRST_WITH_PSI: (u32, u32) = (4, 20);

pub(super) fn psi_off(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    if matches!(evidence.pressure.content, Content::Text(_) | Content::Denied)
        || evidence.kernel_version()? < FIRST_WITH_PSI
    {
        return None;
    }
    let mut seen = vec![evidence.pressure.quote(), evidence.release.quote()];
    let not_built = "# CONFIG_PSI is not set";
    let config = evidence.kernel_config.text().unwrap_or_default();
    let set = evidence.boot_words().filter(|word| word.starts_with("psi=")).last();
    let fix = if config.lines().any(|line| line == not_built) {
        seen.push(evidence.kernel_config.quote_part(not_built));
        "Use a kernel that is built with `CONFIG_PSI=y`; no setting helps this one.".into()
    } else if let Some(set @ ("psi=1" | "psi=y" | "psi=on")) = set {
        seen.push(evidence.cmdline.quote_part(set));
        format!(
            "`{set}` is there already, so this kernel is probably built without PSI, as those of \
             older systems are: update it."
        )
    } else {
        seen.extend(set.map(|set| evidence.cmdline.quote_part(set)));
        case.boot_with("psi=1")
    };
    Some(finding(
        (Warning, "psi_off"),
        "The kernel does not measure pressure (PSI), so nothing tells for how long programs wait \
         for memory.",
        seen.join("; "),
        fix,
    ))
}

pub(super) fn psi_denied(case: &Case<'_>) -> Option<Finding> {
    let pressure = &case.evidence.pressure;
    (pressure.content == Content::Denied).then(|| {
        finding(
            (Warning, "psi_denied"),
            "The kernel measures pressure (PSI), but Headroom may not read it.",
            pressure.quote(),
            "Let the user that Headroom runs as read the file; see whether a sandbox hides it.",
        )
    })
}

pub(super) fn memory_cgroup_off(case: &Case<'_>) -> Option<Finding> {
    let evidence = case.evidence;
    if evidence.has_memory_v1 {
        return None;
    }
    // The later word counts.
    let names_memory = |list: &str| list.split(',').any(|name| name == "memory");
    let switch = evidence.boot_words().filter(|word| {
        let list = word.strip_prefix("cgroup_disable=").or(word.strip_prefix("cgroup_enable="));
        list.is_some_and(names_memory)
    });
    let switch = switch.last();
    let disabled = switch.is_some_and(|word| word.starts_with("cgroup_disable"));
    let mut seen = Vec::new();
    match evidence.controllers.text() {
        Some(text) if text.split_ascii_whitespace().any(|name| name == "memory") => return None,
        Some(_) => seen.push(evidence.controllers.quote()),
        // Nothing of cgroups can be seen; then only the command line says it.
        None if disabled => {}
        None => return None,
    }
    seen.extend(switch.map(|word| evidence.cmdline.quote_part(word)));
    let fix = match switch {
        _ if case.in_container() => {
            "This is a container, so it is up to its host: turn the memory controller on there."
                .into()
        }
        Some(_) if !disabled => {
            "The kernel ignores `cgroup_enable=memory`, as some of Raspberry Pi around 6.12.34 do: \
             update it with `sudo apt full-upgrade`, and restart."
                .into()
        }
        _ if evidence.board.is_pi => case.boot_with("cgroup_enable=memory"),
        Some(word) => format!(
            "Take `{word}` off the kernel's command line: with GRUB in \
             `GRUB_CMDLINE_LINUX_DEFAULT` in `/etc/default/grub`, then `sudo update-grub`; and restart.",
        ),
        None => "Use a kernel that is built with `CONFIG_MEMCG=y`.".into(),
    };
    Some(finding(
        (Warning, "memory_cgroup_off"),
        "The memory controller of control groups is off: nothing tells how much a service or \
         container takes, and limits such as MemoryMax= and docker -m silently do nothing.",
        seen.join("; "),
        fix,
    ))
}

pub(super) fn available_missing(case: &Case<'_>) -> Option<Finding> {
    if case.derived.available_estimated || case.sample.get(Field::Available).is_some() {
        return None;
    }
    available(case, "available_missing", "so how much programs can still get is not known")
}

pub(super) fn available_estimated(case: &Case<'_>) -> Option<Finding> {
    let what = "so what is shown is an estimate by the kernel's own formula";
    case.derived.available_estimated.then(|| available(case, "available_estimated", what))?
}

/// A kernel may truly have nothing left; its zones tell whether it has.
pub(super) fn available_zero(case: &Case<'_>) -> Option<Finding> {
    let (evidence, sample) = (case.evidence, case.sample);
    if sample.get(Field::Available)? != 0 || evidence.lxcfs.is_some() {
        return None;
    }
    let bytes = estimated_from_zones(sample)?;
    let share = case.share(bytes, 5)?;
    let zone = |field| sample.get(field).map_or_else(|| "unknown".into(), human);
    let lines = ["MemAvailable", "MemFree", "Active(file)", "Inactive(file)", "KReclaimable"];
    let zones = format!(
        "{}: low marks {}, reserve {}",
        name(&evidence.roots.proc.join("zoneinfo")),
        zone(Field::ZoneLow),
        zone(Field::ZoneReserve)
    );
    Some(finding(
        (Warning, "available_zero"),
        format!(
            "The kernel says that nothing is available, yet by its own formula {} ({share} of total) \
             is. Headroom shows what the kernel says; some tools put free memory or an estimate in \
             its place.",
            human(bytes)
        ),
        [case.meminfo(&lines), zones].join("; "),
        "Go by pressure, and by what is swapped in and out, until the kernel says otherwise.",
    ))
}

fn available(case: &Case<'_>, id: &str, so: &str) -> Option<Finding> {
    let meminfo = &case.evidence.meminfo;
    let seen = match (meminfo.text(), meminfo.line("MemAvailable")) {
        (None, _) => return None,
        (_, Some(line)) => meminfo.quote_part(line),
        (_, None) => format!("{} has no line MemAvailable", meminfo.name()),
    };
    Some(finding(
        (Warning, id),
        format!("The kernel does not tell how much memory is available (MemAvailable), {so}."),
        [seen, case.evidence.release.quote()].join("; "),
        "Use a newer kernel: MemAvailable is there since Linux 3.14.",
    ))
}
