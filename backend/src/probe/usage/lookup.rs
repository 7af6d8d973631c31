//! The names that people gave to containers and machines, from the files of what manages them. Never
//! by docker's socket: whoever may use that is root.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::name::{self, Id};
use crate::probe::Roots;

/// No more names are remembered than this; then all are looked up anew.
const MOST_KNOWN: usize = 1000;
/// More of one file is not read: docker's largest are some 10 kB.
const MOST_BYTES: u64 = 256 * 1024;

/// Looks names up, once for each id.
pub(super) struct Lookup {
    root: Option<PathBuf>,
    known: HashMap<Id, String>,
}

impl Lookup {
    /// The files tell of this machine. If `roots` are another's, nothing is found.
    pub(super) fn new(roots: &Roots) -> Self {
        let is_here = roots.proc == Path::new("/proc");
        Self { root: is_here.then(|| "/".into()), known: HashMap::new() }
    }

    /// The name of `id`, fit to be shown. `None` where the file is missing, or not for us.
    pub(super) fn name(&mut self, id: &Id) -> Option<String> {
        if let Some(name) = self.known.get(id) {
            return Some(name.clone());
        }
        let found = name::clean(&read(self.root.as_deref()?, id)?);
        if self.known.len() == MOST_KNOWN {
            self.known.clear();
        }
        self.known.insert(id.clone(), found.clone());
        Some(found)
    }
}

fn read(root: &Path, id: &Id) -> Option<String> {
    match id {
        Id::Docker(id) => {
            #[derive(Deserialize)]
            struct Config {
                #[serde(rename = "Name")]
                name: String,
            }
            let path = root.join("var/lib/docker/containers").join(id).join("config.v2.json");
            let config: Config = serde_json::from_str(&text(&path)?).ok()?;
            Some(config.name.trim_start_matches('/').to_owned())
        }
        Id::ProxmoxContainer(id) => {
            setting(&text(&root.join(format!("etc/pve/lxc/{id}.conf")))?, "hostname")
        }
        Id::ProxmoxMachine(id) => {
            setting(&text(&root.join(format!("etc/pve/qemu-server/{id}.conf")))?, "name")
        }
    }
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Of `key: value` lines, before the sections that tell of snapshots.
fn setting(text: &str, key: &str) -> Option<String> {
    let mut now = text.lines().take_while(|line| !line.starts_with('['));
    let value = now.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn lookup() -> (tempfile::TempDir, Lookup) {
        let dir = tempfile::tempdir().unwrap();
        let lookup = Lookup { root: Some(dir.path().into()), known: HashMap::new() };
        (dir, lookup)
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn docker_tells_once_and_is_remembered() {
        let (dir, mut lookup) = lookup();
        let id = Id::Docker("0123456789ab".into());
        assert_eq!(lookup.name(&id), None);
        let path = dir.path().join("var/lib/docker/containers/0123456789ab/config.v2.json");
        write(
            &path,
            r#"{"ID":"0123456789ab","State":{"Pid":7},"Name":"/grafana\u202e","Path":"x"}"#,
        );
        assert_eq!(lookup.name(&id).as_deref(), Some("grafana"));
        fs::remove_file(path).unwrap();
        assert_eq!(lookup.name(&id).as_deref(), Some("grafana"));
    }

    #[test]
    fn damage_is_no_name() {
        let (dir, mut lookup) = lookup();
        let path = dir.path().join("var/lib/docker/containers/0123456789ab/config.v2.json");
        for text in ["", "{", "[]", r#"{"Name":7}"#] {
            write(&path, text);
            assert_eq!(lookup.name(&Id::Docker("0123456789ab".into())), None, "{text}");
        }
    }

    #[test]
    fn proxmox_tells_what_is_now_and_not_of_snapshots() {
        let (dir, mut lookup) = lookup();
        let conf = "arch: arm64\nhostname: web\nmemory: 512\n\n[before]\nhostname: old\n";
        write(&dir.path().join("etc/pve/lxc/101.conf"), conf);
        let conf = "cores: 2\nmemory: 512\n\n[before]\nname: old\n";
        write(&dir.path().join("etc/pve/qemu-server/100.conf"), conf);
        write(&dir.path().join("etc/pve/qemu-server/102.conf"), "name:win\n");
        assert_eq!(lookup.name(&Id::ProxmoxContainer(101)).as_deref(), Some("web"));
        assert_eq!(lookup.name(&Id::ProxmoxMachine(100)), None);
        assert_eq!(lookup.name(&Id::ProxmoxMachine(102)).as_deref(), Some("win"));
    }

    #[test]
    fn another_machine_is_not_asked_here() {
        let roots = Roots { proc: "/mnt/proc".into(), sys: "/mnt/sys".into() };
        assert_eq!(Lookup::new(&roots).root, None);
    }
}
