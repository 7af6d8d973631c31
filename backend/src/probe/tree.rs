//! A small tree of files in place of the kernel's own, for tests.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Roots;

/// What stands for `/proc` is in `proc`, what stands for `/sys` in `sys`. It goes when it is dropped.
pub(crate) struct Tree(TempDir);

impl Tree {
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn new<T: AsRef<[u8]> + ?Sized>(files: &[(&str, &T)]) -> Self {
        let tree = Self::empty();
        for (path, content) in files {
            tree.write(path, content);
        }
        tree
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// A link at `path`, which leads to `to`.
    #[cfg(unix)]
    pub(crate) fn link(&self, path: &str, to: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(to, path).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn roots(&self) -> Roots {
        Roots { proc: self.path("proc"), sys: self.path("sys") }
    }
}
