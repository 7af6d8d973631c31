//! What a control group is called, from its path alone. Pure.
//!
//! Whoever may make control groups may give them any name: what looks like a container is shown as
//! one, and trusted no further.

use super::MOST_NAME_CHARS;
use crate::probe::text;

/// What is known of a control group from its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe) struct Name {
    /// For people; never empty, and fit to be shown.
    pub(in crate::probe) shown: String,
    /// What it is, in a word or two.
    pub(in crate::probe) kind: &'static str,
    /// By what its own name can be looked up.
    pub(super) id: Option<Id>,
    /// A container or a machine: what is below it is its own affair.
    pub(in crate::probe) whole: bool,
}

/// Names a container or machine in the files of what manages it. Only these forms ever become part
/// of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Id {
    /// 12 to 64 hex digits.
    Docker(String),
    /// A container of Proxmox.
    ProxmoxContainer(u32),
    /// A virtual machine of Proxmox.
    ProxmoxMachine(u32),
}

/// How those who run containers name the group of one: prefix (before its id), and what to call it.
/// The suffix `.scope` is systemd's, and missing where it does not make the groups.
const CONTAINERS: [(&str, &str); 5] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("cri-containerd-", "containerd"),
    ("crio-", "CRI-O"),
    ("nerdctl-", "containerd"),
];

/// Watches a container, and is none.
const MONITORS: [&str; 2] = ["libpod-conmon-", "crio-conmon-"];

/// systemd's units, without those that hold no processes (`systemd.unit(5)`).
const UNITS: [&str; 6] = ["service", "scope", "slice", "socket", "mount", "swap"];

/// The name of the group at `path`, which begins with `/` and is relative to the root of the groups;
/// `None` if it is not worth telling of.
pub(in crate::probe) fn name(path: &str) -> Option<Name> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some((&last, parents)) = parts.split_last() else {
        // Only as seen from inside: the real root has no memory of its own.
        return Some(plain("this container", "container"));
    };
    if MONITORS.iter().any(|prefix| last.starts_with(prefix)) {
        return None;
    }
    container(last, parents)
        .or_else(|| machine(last, parents))
        .or_else(|| pod(last).map(|pod| plain(&format!("pod {pod}"), "pod")))
        .or_else(|| unit(last, parents))
        .or_else(|| {
            // A part of something: its own name alone says little.
            let of_unit = parents.iter().rev().find_map(|parent| unit(parent, &[]));
            let (parent, kind) = match (of_unit, parents.last()) {
                (Some(unit), _) => (unit.shown, unit.kind),
                (None, Some(&parent)) => (parent.to_owned(), "group"),
                (None, None) => return Some(plain(last, "group")),
            };
            Some(plain(&format!("{parent}/{last}"), kind))
        })
}

fn plain(name: &str, kind: &'static str) -> Name {
    Name { shown: clean(name), kind, id: None, whole: false }
}

/// `name` fit to be shown; never empty.
pub(in crate::probe) fn clean(name: &str) -> String {
    let cleaned = text::clean(name, MOST_NAME_CHARS);
    if cleaned.is_empty() { "?".to_owned() } else { cleaned }
}

fn container(last: &str, parents: &[&str]) -> Option<Name> {
    // containerd without systemd, `SLICE:PREFIX:ID`: the slice is the parent.
    let colons: Vec<&str> = last.split(':').collect();
    if let [slice, prefix, id] = colons[..]
        && is_id(id)
    {
        return container(&format!("{prefix}-{id}"), &[slice]);
    }
    let stem = last.strip_suffix(".scope").unwrap_or(last);
    let prefixed = CONTAINERS.iter().find_map(|(prefix, kind)| {
        stem.strip_prefix(prefix).filter(|id| is_id(id)).map(|id| (id, *kind))
    });
    let bare = || match parents.last() {
        Some(&"docker") if is_id(last) => Some((last, "docker")),
        // Kubernetes with its own groups, and others.
        _ if is_id(last) && last.len() == 64 => Some((last, "container")),
        _ => None,
    };
    let (id, kind) = prefixed.or_else(bare)?;
    let short = &id[..12];
    let pod = parents.iter().rev().find_map(|parent| pod(parent));
    let (name, kind) = match pod {
        Some(pod) => (format!("{short} of pod {pod}"), "pod"),
        None => (short.to_owned(), kind),
    };
    let id = (kind == "docker").then(|| Id::Docker(id.to_owned()));
    Some(Name { id, whole: true, ..plain(&name, kind) })
}

/// Ids of containers; nothing else may ever become part of a path.
fn is_id(id: &str) -> bool {
    (12..=64).contains(&id.len()) && id.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first digits of the pod's uid, of `kubepods-burstable-pod<uid>.slice` or `pod<uid>`.
fn pod(part: &str) -> Option<&str> {
    let part = part.strip_suffix(".slice").unwrap_or(part);
    let uid = match part.strip_prefix("kubepods") {
        Some(rest) => rest.rsplit_once("-pod")?.1,
        None => part.strip_prefix("pod")?,
    };
    let is_uid =
        uid.len() >= 32 && uid.bytes().all(|c| c.is_ascii_hexdigit() || b"-_".contains(&c));
    is_uid.then(|| &uid[..8])
}

/// System containers and virtual machines.
fn machine(last: &str, parents: &[&str]) -> Option<Name> {
    let whole = |name: &str, kind| Name { whole: true, ..plain(name, kind) };
    let number = |text: &str| text.parse().ok().filter(|_| !text.starts_with(['0', '+']));
    let is_root = |parent| parents == [parent];
    if let Some(name) = last.strip_prefix("lxc.payload.") {
        return Some(whole(name, "LXC"));
    }
    if parents.last() == Some(&"lxc") {
        let id = number(last).filter(|_| is_root("lxc")).map(Id::ProxmoxContainer);
        return Some(Name { id, ..whole(last, "LXC") });
    }
    if let Some(name) = last.strip_suffix(".scope") {
        if is_root("qemu.slice") {
            return Some(Name { id: number(name).map(Id::ProxmoxMachine), ..whole(name, "VM") });
        }
        // systemd-machined; libvirt puts its driver and a number before the name.
        let name = unescape(name);
        let name = name.strip_prefix("machine-")?;
        let of = |driver| {
            let (number, name) = name.strip_prefix(driver)?.split_once('-')?;
            number.bytes().all(|c| c.is_ascii_digit()).then_some(name)
        };
        return Some(match (of("qemu-"), of("lxc-")) {
            (Some(name), _) => whole(name, "VM"),
            (_, Some(name)) => whole(name, "LXC"),
            _ => whole(name, "nspawn"),
        });
    }
    let service = unescape(last.strip_suffix(".service")?);
    match service.strip_prefix("systemd-nspawn@") {
        Some(name) => Some(whole(name, "nspawn")),
        None => is_root("machine.slice").then(|| whole(&service, "nspawn")),
    }
}

fn unit(last: &str, parents: &[&str]) -> Option<Name> {
    let (stem, suffix) = last.rsplit_once('.')?;
    let kind = UNITS.into_iter().find(|unit| *unit == suffix).filter(|_| !stem.is_empty())?;
    let stem = unescape(stem);
    // Each user's systemd has one.
    let of_user = parents.iter().rev().find(|parent| parent.starts_with("user@"));
    Some(match of_user.and_then(|user| unit(user, &[])) {
        Some(user) if last == "init.scope" => plain(&format!("{}/{stem}", user.shown), kind),
        _ => plain(&stem, kind),
    })
}

/// `\x2d` → `-` (`systemd-escape(1)`).
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', high, low, after @ ..] => {
                digit(*high).zip(digit(*low)).map(|(high, low)| (high << 4 | low, after))
            }
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::text::tests::{hostile, is_clean};
    use proptest::prelude::*;

    const ID: &str = "4f0c1d9be1a2034f0c1d9be1a2034f0c1d9be1a2034f0c1d9be1a203aaaabbbb";
    const UID: &str = "1a2b3c4d-0000-4000-8000-1234567890ab";

    #[test]
    fn names_of_many_kinds() {
        let table: &[(&str, &str, &str, bool)] = &[
            ("/", "this container", "container", false),
            ("/init.scope", "init", "scope", false),
            ("/system.slice/ssh.service", "ssh", "service", false),
            ("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1", "service", false),
            (r"/system.slice/dev-disk-by\x2duuid-1.swap", "dev-disk-by-uuid-1", "swap", false),
            (r"/a\x2db.service", "a-b", "service", false),
            (r"/a\x2.service", r"a\x2", "service", false),
            ("/system.slice/systemd-udevd.service/udev", "systemd-udevd/udev", "service", false),
            ("/user.slice/user-1000.slice/session-3.scope", "session-3", "scope", false),
            (
                "/user.slice/user-1000.slice/user@1000.service/init.scope",
                "user@1000/init",
                "scope",
                false,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
                "x",
                "service",
                false,
            ),
            ("/jobs/17", "jobs/17", "group", false),
            ("/jobs", "jobs", "group", false),
            ("/.service", ".service", "group", false),
            ("/system.slice/docker-ID.scope", "4f0c1d9be1a2", "docker", true),
            ("/docker/ID", "4f0c1d9be1a2", "docker", true),
            ("/machine.slice/libpod-ID.scope", "4f0c1d9be1a2", "podman", true),
            ("/libpod_parent/libpod-ID", "4f0c1d9be1a2", "podman", true),
            ("/system.slice/nerdctl-ID.scope", "4f0c1d9be1a2", "containerd", true),
            ("/system.slice/cri-containerd-ID.scope", "4f0c1d9be1a2", "containerd", true),
            ("/ecs/ID", "4f0c1d9be1a2", "container", true),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUI_D.slice/cri-containerd-ID.scope",
                "4f0c1d9be1a2 of pod 1a2b3c4d",
                "pod",
                true,
            ),
            (
                "/kubepods.slice/kubepods-podUI_D.slice/crio-ID.scope",
                "4f0c1d9be1a2 of pod 1a2b3c4d",
                "pod",
                true,
            ),
            ("/kubepods/besteffort/podUID/ID", "4f0c1d9be1a2 of pod 1a2b3c4d", "pod", true),
            (
                "/system.slice/containerd.service/kubepods-burstable-podUI_D.slice:cri-containerd:ID",
                "4f0c1d9be1a2 of pod 1a2b3c4d",
                "pod",
                true,
            ),
            ("/kubepods/podUID", "pod 1a2b3c4d", "pod", false),
            ("/kubepods.slice/kubepods-besteffort.slice", "kubepods-besteffort", "slice", false),
            ("/lxc.payload.web", "web", "LXC", true),
            ("/lxc/web", "web", "LXC", true),
            ("/lxc/101", "101", "LXC", true),
            ("/qemu.slice/100.scope", "100", "VM", true),
            (r"/machine.slice/machine-qemu\x2d3\x2ddebian\x2d12.scope", "debian-12", "VM", true),
            (r"/machine.slice/machine-lxc\x2d3\x2dweb.scope", "web", "LXC", true),
            ("/machine.slice/machine-fedora.scope", "fedora", "nspawn", true),
            ("/machine.slice/systemd-nspawn@deb.service", "deb", "nspawn", true),
            ("/machine.slice/deb.service", "deb", "nspawn", true),
            // Not quite ids.
            ("/docker/buildkit", "docker/buildkit", "group", false),
            ("/docker/0123456789a", "docker/0123456789a", "group", false),
            ("/docker/0123456789AB", "docker/0123456789AB", "group", false),
            ("/system.slice/docker-..scope", "docker-.", "scope", false),
            ("/system.slice/docker.service", "docker", "service", false),
        ];
        for (path, name, kind, whole) in table {
            let path = path.replace("ID", ID).replace(&format!("U{ID}"), UID);
            let path = path.replace("UI_D", &UID.replace('-', "_"));
            let found = super::name(&path).unwrap();
            assert_eq!((&*found.shown, found.kind, found.whole), (*name, *kind, *whole), "{path}");
        }
    }

    #[test]
    fn monitors_are_left_out() {
        assert_eq!(name(&format!("/machine.slice/libpod-conmon-{ID}.scope")), None);
        assert_eq!(name(&format!("/system.slice/crio-conmon-{ID}.scope")), None);
    }

    #[test]
    fn only_what_can_be_looked_up_has_an_id() {
        let id = |path: &str| name(path).unwrap().id;
        assert_eq!(id(&format!("/docker/{ID}")), Some(Id::Docker(ID.into())));
        assert_eq!(id("/lxc/101"), Some(Id::ProxmoxContainer(101)));
        assert_eq!(id("/qemu.slice/9000.scope"), Some(Id::ProxmoxMachine(9000)));
        for path in ["/lxc/web", "/lxc/+5", "/lxc/007", "/a/lxc/101", "/qemu.slice/x.scope"] {
            assert_eq!(id(path), None, "{path}");
        }
        assert_eq!(id(&format!("/machine.slice/libpod-{ID}.scope")), None);
    }

    proptest! {
        #[test]
        fn hostile_names_come_out_clean(parts in proptest::collection::vec(hostile(), 1..4),
            around in proptest::sample::select(vec!["", "lxc.payload.", "machine-qemu\\x2d1\\x2d", "pod",
                "docker-", "systemd-nspawn@", "kubepods-pod", "a:b:"]),
            suffix in proptest::sample::select(vec!["", ".service", ".scope", ".slice"])) {
            let path = format!("/{}{suffix}", parts.join(&format!("/{around}")));
            if let Some(found) = name(&path) {
                prop_assert!(!found.shown.is_empty() && is_clean(&found.shown, MOST_NAME_CHARS), "{found:?}");
                if let Some(Id::Docker(id)) = found.id {
                    prop_assert!(is_id(&id));
                }
            }
        }
    }
}
