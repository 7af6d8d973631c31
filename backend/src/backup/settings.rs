//! What belongs to a head and lies outside of its data directory: its settings file, and the files with
//! secrets that this names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::archive::is_plain;
use super::{MOST_SMALL, failed};
use crate::error::Error;
use crate::secrets;

/// The name that the settings file has in a backup.
pub(super) const FILE: &str = "headroom.toml";
/// Beside the settings file: the directory of secrets.
const SECRETS: &str = "secrets";
/// Files at most.
const MOST: usize = 256;

/// What is copied of them.
#[derive(Debug, Default)]
pub(super) struct Copied {
    /// Each file by its path beside the settings file, which is called [`FILE`] here.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// What the settings name and is not copied.
    pub(super) left: Vec<PathBuf>,
}

/// What there is of the settings file `path`, which need not be there. Secrets that this user may not read
/// are left.
pub(super) fn copied(path: &Path) -> Result<Copied, Error> {
    let mut copied = Copied::default();
    let unreadable = |source| failed("read", path, source);
    let Some(text) = secrets::read(path).map_err(unreadable)? else { return Ok(copied) };
    let dir = dir(path);
    let mut named = named_in(&String::from_utf8_lossy(&text));
    copied.files.push((FILE.into(), text));
    if let Ok(entries) = fs::read_dir(dir.join(SECRETS)) {
        named.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    named.sort_unstable();
    named.dedup();
    for file in named.into_iter().filter(|file| file.is_file() && file != path) {
        let name = file.strip_prefix(dir).ok().and_then(Path::to_str).map(str::to_owned);
        let is_ours =
            |name: &String| is_plain(name.strip_prefix("secrets/").unwrap_or(name)) && name != FILE;
        let Some(name) = name.filter(is_ours) else {
            copied.left.push(file);
            continue;
        };
        match secrets::read(&file) {
            Ok(Some(bytes)) if bytes.len() as u64 <= MOST_SMALL && copied.files.len() < MOST => {
                copied.files.push((name, bytes));
            }
            _ => copied.left.push(file),
        }
    }
    Ok(copied)
}

/// The paths that settings name.
fn named_in(text: &str) -> Vec<PathBuf> {
    fn each(value: &toml::Value, found: &mut Vec<PathBuf>) {
        match value {
            toml::Value::String(text) if text.starts_with('/') => found.push(text.into()),
            toml::Value::Array(list) => list.iter().for_each(|value| each(value, found)),
            toml::Value::Table(table) => table.values().for_each(|value| each(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    // The head says what is wrong with them.
    if let Ok(table) = text.parse::<toml::Table>() {
        each(&toml::Value::Table(table), &mut found);
    }
    found
}

/// Puts files back beside the settings file `path`. Those that are there and differ are kept, with `aside`
/// after their names.
pub(super) fn put(path: &Path, files: &[(String, Vec<u8>)], aside: &str) -> Result<(), Error> {
    // The file that names the others comes last.
    for (name, bytes) in files.iter().rev() {
        let place = if name == FILE { path.to_owned() } else { dir(path).join(name) };
        put_one(&place, bytes, name == FILE, aside).map_err(|e| failed("write", &place, e))?;
    }
    Ok(())
}

fn put_one(place: &Path, bytes: &[u8], is_public: bool, aside: &str) -> io::Result<()> {
    make_dirs(place)?;
    if let Some(old) = secrets::read(place)?
        && old != bytes
    {
        let mut kept = place.as_os_str().to_owned();
        kept.push(format!(".{aside}"));
        secrets::write(Path::new(&kept), &old)?;
    }
    secrets::write(place, bytes)?;
    if is_public {
        mode(place, 0o644)?;
    }
    Ok(())
}

/// The head reads its settings as a user of its own, and secrets as the service manager hands them over.
fn make_dirs(place: &Path) -> io::Result<()> {
    let dir = dir(place);
    if dir.exists() {
        return Ok(());
    }
    let is_secret = dir.file_name().is_some_and(|name| name == SECRETS);
    fs::create_dir_all(dir)?;
    mode(dir, if is_secret { 0o700 } else { 0o755 })
}

fn mode(path: &Path, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

fn dir(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_settings_name_is_copied_or_told() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let path = at("my.toml");
        assert!(copied(&path).unwrap().files.is_empty());
        fs::create_dir(at("secrets")).unwrap();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "tls_cert = {:?}\n[[alerts.channels]]\ntopic_file = {:?}\n[agent]\ntoken_file = \"/none\"\n",
            elsewhere.path(),
            at("topic")
        );
        for (name, text) in
            [("my.toml", text.as_str()), ("topic", "t"), ("secrets/token", "s"), ("other", "o")]
        {
            fs::write(at(name), text).unwrap();
        }
        let Copied { files, left } = copied(&path).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [FILE, "secrets/token", "topic"]);
        assert_eq!(left, [elsewhere.path()]);

        let new = tempfile::tempdir().unwrap();
        let path = new.path().join("etc/headroom.toml");
        put(&path, &files, "before-1").unwrap();
        put(&path, &files, "before-2").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::read_to_string(new.path().join("etc/secrets/token")).unwrap(), "s");
        put(&path, &[(FILE.into(), b"# other".to_vec())], "before-3").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# other");
        let kept = new.path().join("etc/headroom.toml.before-3");
        assert_eq!(fs::read_to_string(kept).unwrap(), text);
        assert_eq!(fs::read_dir(new.path().join("etc")).unwrap().count(), 4);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |name: &str| {
                fs::metadata(new.path().join(name)).unwrap().permissions().mode() & 0o777
            };
            assert_eq!(
                ["etc", "etc/headroom.toml", "etc/secrets", "etc/secrets/token"].map(mode),
                [0o755, 0o644, 0o700, 0o600]
            );
        }
    }
}
