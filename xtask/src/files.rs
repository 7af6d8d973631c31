//! File system calls whose errors name the path.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::at(path))
}

pub(crate) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(Error::at(path))
}

pub(crate) fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, bytes).map_err(Error::at(path))
}

pub(crate) fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(Error::at(path))
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Error::at(to))
}

/// Removes a directory and all in it; absent is fine.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::at(path)(error)),
        _ => Ok(()),
    }
}

/// What is directly in a directory, sorted.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::at(dir))? {
        paths.push(entry.map_err(Error::at(dir))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Every file below a directory, sorted; links are not followed.
pub(crate) fn walk(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in list(dir)? {
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The last component as text; empty when there is none.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Waits until no other `cargo xtask` is at the same work; held until dropped.
pub(crate) fn lock(path: &Path) -> Result<File> {
    if let Some(dir) = path.parent() {
        create_dir(dir)?;
    }
    let file = File::create(path).map_err(Error::at(path))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another `cargo xtask` to finish ({})", path.display());
        file.lock().map_err(Error::at(path))?;
    }
    Ok(file)
}

/// 1,234,567 as people read it.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn groups_thousands() {
        let text: Vec<_> = [0, 999, 1000, 1_234_567].map(super::grouped).into();
        assert_eq!(text, ["0", "999", "1,000", "1,234,567"]);
    }
}
