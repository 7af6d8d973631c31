//! What is kept of incidents, in the directory `alerts` of the data directory: a file of each incident, its
//! black boxes beside it, the rules if they were changed, and what else has to be remembered.
//!
//! Each file is written whole, or not at all. One that cannot be read is set aside, and the rest goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::alert::Rules;
use shared::black_box::BoxAt;

use super::engine::Memory;
use super::kept::{Kept, MOST_BOXES};
use crate::error::{Error, tell};
use crate::secrets;

const DIR: &str = "alerts";
const MEMORY: &str = "state.json";
const RULES: &str = "rules.json";
const DAMAGED: &str = "damaged";
const RESERVE: &str = "reserve";
/// Bytes in reserve.
const RESERVED: usize = 256 << 10;
/// Bytes of black boxes at most: then the oldest go.
const MOST_BYTES: u64 = 64 << 20;

/// See the module.
#[derive(Clone)]
pub(super) struct Store {
    dir: PathBuf,
}

/// What was kept.
#[derive(Default)]
pub(super) struct Found {
    pub(super) memory: Memory,
    pub(super) rules: Option<Rules>,
    pub(super) incidents: Vec<Kept>,
}

impl Store {
    /// Opens what is kept in `data_dir`. Nothing is made before there is something to keep.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Found), Error> {
        let store = Self { dir: data_dir.join(DIR) };
        let names = store.names().map_err(|source| {
            // The directory is there, and cannot be listed.
            Error::Kept { path: store.dir.clone(), source }
        })?;
        let mut found = Found::default();
        for name in names {
            let path = store.dir.join(&name);
            if name.rsplit_once(".json.").is_some_and(|(_, rest)| rest.len() == 16) {
                // It was being written when the program was killed.
                fs::remove_file(&path).ok();
            } else if name == MEMORY {
                found.memory = read(&path).unwrap_or_default();
            } else if name == RULES {
                found.rules = read::<Rules>(&path).and_then(|rules| sound(&path, rules));
            } else if id_of(&name, "incident-").is_some() {
                found.incidents.extend(read::<Kept>(&path));
            }
        }
        found.incidents.sort_by_key(|kept| kept.incident.id);
        Ok((store, found))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn write(&self, name: &str, what: &impl Serialize) -> io::Result<()> {
        self.write_bytes(&self.dir.join(name), &serde_json::to_vec(what)?)
    }

    /// Holds room in reserve, if there is any: only where data is kept at all.
    pub(super) fn reserve(&self) {
        let reserve = self.dir.join(RESERVE);
        if self.dir.parent().is_some_and(Path::exists) && !reserve.exists() {
            secrets::write(&reserve, &vec![b'.'; RESERVED]).ok();
        }
    }

    /// Writes a file. That the disk is full has to be kept too: there is room in reserve for that.
    fn write_bytes(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let reserve = self.dir.join(RESERVE);
        match secrets::write(path, bytes) {
            Ok(()) => {
                self.reserve();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull && reserve.exists() => {
                removed(&reserve)?;
                secrets::write(path, bytes)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn write_memory(&self, memory: &Memory) -> io::Result<()> {
        self.write(MEMORY, memory)
    }

    /// Keeps the rules; `None` is that there are none of its own.
    pub(super) fn write_rules(&self, rules: Option<&Rules>) -> io::Result<()> {
        match rules {
            Some(rules) => self.write(RULES, rules),
            None => removed(&self.dir.join(RULES)),
        }
    }

    pub(super) fn write_incident(&self, kept: &Kept) -> io::Result<()> {
        self.write(&format!("incident-{}.json", kept.incident.id), kept)
    }

    /// Lets an incident go, with its black boxes.
    pub(super) fn remove(&self, id: u64) -> io::Result<()> {
        for place in 1..=MOST_BOXES {
            removed(&self.box_path(id, place))?;
        }
        removed(&self.dir.join(format!("incident-{id}.json")))
    }

    fn box_path(&self, id: u64, place: u32) -> PathBuf {
        self.dir.join(format!("box-{id}-{place}.json"))
    }

    /// Keeps one more black box of an incident.
    pub(super) fn add_box(&self, id: u64, black_box: &BoxAt) -> io::Result<()> {
        let mut value = serde_json::to_value(black_box)?;
        without_nulls(&mut value);
        let bytes = serde_json::to_vec(&value)?;
        self.make_room(bytes.len() as u64)?;
        let free = (1..=MOST_BOXES).map(|place| self.box_path(id, place)).find(|it| !it.exists());
        free.map_or(Ok(()), |path| self.write_bytes(&path, &bytes))
    }

    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut boxes = BTreeMap::new();
        for name in self.names()? {
            let Some(id) = id_of(&name, "box-") else { continue };
            let path = self.dir.join(&name);
            let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            boxes.insert((id, name), (path, size));
        }
        let mut all: u64 = boxes.values().map(|(_, size)| size).sum();
        for (path, size) in boxes.into_values() {
            if all + bytes <= MOST_BYTES {
                break;
            }
            removed(&path)?;
            all -= size;
        }
        Ok(())
    }

    /// The black boxes of an incident, in the order they came.
    pub(super) fn boxes(&self, id: u64) -> Vec<BoxAt> {
        (1..=MOST_BOXES).filter_map(|place| read(&self.box_path(id, place))).collect()
    }
}

/// The number in the name of a file that begins with `start`.
fn id_of(name: &str, start: &str) -> Option<u64> {
    let rest = name.strip_prefix(start)?.strip_suffix(".json")?;
    rest.split('-').next()?.parse().ok()
}

/// Leaves out what is not there: of a sample that is most of it.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What stands in a file; `None` if there is none, or if it had to be set aside.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let bytes = match secrets::read(path) {
        Ok(bytes) => bytes?,
        Err(error) => {
            tell(format_args!("{} cannot be read, and is left as it is: {error}", path.display()));
            return None;
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| set_aside(path, &error.to_string())).ok()
}

fn sound(path: &Path, rules: Rules) -> Option<Rules> {
    rules.checked().map_err(|error| set_aside(path, &error.to_string())).ok()
}

fn set_aside(path: &Path, why: &str) {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{DAMAGED}"));
    let moved = match fs::rename(path, &aside) {
        Ok(()) => format!("it was moved to {}", Path::new(&aside).display()),
        Err(error) => format!("it cannot be moved away ({error})"),
    };
    tell(format_args!("{} is damaged: {why}; {moved}, and the rest goes on", path.display()));
}

#[cfg(test)]
mod tests {
    use shared::alert::Harm;

    use super::*;
    use crate::alerts::kept::{Begun, Subject};

    fn kept(id: u64) -> Kept {
        let subject = Subject::Node(shared::NodeId::from_host_name("pi"));
        let begun = Begun { subject, harm: Harm::Unheard, text: "It.".into(), more_kills: 0 };
        Kept::open(id, &begun, 7, 9)
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, found) = Store::open(dir.path()).unwrap();
        assert!(found.incidents.is_empty() && !dir.path().join(DIR).exists());
        let memory = Memory { last_id: 11, ..Memory::default() };
        store.write_memory(&memory).unwrap();
        store.write_incident(&kept(10)).unwrap();
        store.write_incident(&kept(9)).unwrap();
        let rules = Rules { group_s: 7, ..Rules::default() };
        store.write_rules(Some(&rules)).unwrap();
        let (store, found) = Store::open(dir.path()).unwrap();
        assert_eq!(found.incidents, [kept(9), kept(10)]);
        assert_eq!((found.memory, found.rules), (memory, Some(rules)));
        store.write_rules(None).unwrap();
        store.remove(9).unwrap();
        store.remove(9).unwrap();
        let (_, found) = Store::open(dir.path()).unwrap();
        assert_eq!((found.incidents, found.rules), (vec![kept(10)], None));
    }

    #[test]
    fn black_boxes_are_kept_without_what_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).unwrap();
        let mut sample = shared::Sample::EMPTY;
        sample.set(shared::Field::Total, Some(9));
        let reading = shared::wire::Reading { at_ms: 1, uptime_us: 2, sample };
        let what = shared::black_box::BlackBox {
            why: shared::black_box::Why::Pressure,
            uptime_us: 3,
            killed: vec![shared::black_box::Killed::default()],
            rankings: Vec::new(),
            readings: shared::run::Run::default(),
            note: None,
        };
        let node = shared::NodeId::from_host_name("pi");
        let one = BoxAt { node, at_ms: 1, offset_ms: 1, what, readings: vec![reading; 120] };
        for _ in 0..=MOST_BOXES {
            store.add_box(4, &one).unwrap();
        }
        let path = store.box_path(4, 1);
        assert!(fs::metadata(path).unwrap().len() < 8000);
        assert_eq!(store.boxes(4), vec![one; MOST_BOXES as usize]);
    }

    #[test]
    fn what_is_damaged_is_set_aside_and_what_was_cut_short_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).unwrap();
        store.write_incident(&kept(1)).unwrap();
        let path = |name: &str| dir.path().join(DIR).join(name);
        fs::write(path("incident-2.json"), b"{\"inc").unwrap();
        fs::write(path("state.json"), b"\xff").unwrap();
        fs::write(path("rules.json"), b"{}").unwrap();
        fs::write(path("incident-3.json.0123456789abcdef"), b"{").unwrap();
        let (_, found) = Store::open(dir.path()).unwrap();
        assert_eq!(found.incidents, [kept(1)]);
        assert_eq!((found.memory, found.rules), (Memory::default(), None));
        let mut names = Store { dir: dir.path().join(DIR) }.names().unwrap();
        names.sort();
        let aside = ["incident-2.json.damaged", "rules.json.damaged", "state.json.damaged"];
        assert_eq!(names, ["incident-1.json", aside[0], RESERVE, aside[1], aside[2]]);
    }
}
