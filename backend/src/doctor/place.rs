//! Where the node runs: in a container, or on a hypervisor that takes memory back.

use shared::survey::Finding;
use shared::survey::Severity::Warning;
use shared::units::human;

use super::{Case, finding};

pub(super) fn lxcfs(case: &Case<'_>) -> Option<Finding> {
    let seen = case.evidence.lxcfs.as_ref()?;
    Some(finding(
        (Warning, "lxcfs"),
        "Part of /proc/meminfo is written by lxcfs: total, free and cached are this container's, \
         other lines are still its host's, and available is a guess. They do not add up.",
        seen,
        "Nothing in the container helps. Run Headroom on the host to see where memory went.",
    ))
}

pub(super) fn container_limit(case: &Case<'_>) -> Option<Finding> {
    let limit = &case.evidence.memory_limit;
    let (bytes, total) = (limit.number()?, case.total()?);
    // "No limit" of v1 is a number beyond any memory.
    if bytes >= total {
        return None;
    }
    Some(finding(
        (Warning, "container_limit"),
        format!(
            "This container may use {}, but the numbers shown are those of its host, with {}: its \
             programs are killed while much seems available.",
            human(bytes),
            human(total)
        ),
        [limit.quote(), case.meminfo(&["MemTotal"])].join("; "),
        "Go by the limit. Run Headroom on the host to see the whole machine and every container.",
    ))
}

pub(super) fn balloon(case: &Case<'_>) -> Option<Finding> {
    let balloon = case.evidence.meminfo.line_number("Balloon")?;
    let share = case.share(balloon, 1).filter(|_| balloon > 0)?;
    Some(finding(
        (Warning, "balloon"),
        format!(
            "The host of this virtual machine has taken {} ({share} of total) of its memory back \
             (balloon); it seems to be in use here, by nobody.",
            human(balloon)
        ),
        case.meminfo(&["Balloon", "MemTotal"]),
        "Nothing here helps: give the machine more memory on its host, or turn ballooning off there.",
    ))
}
