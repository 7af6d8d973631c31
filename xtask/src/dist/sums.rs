//! The checksums of what is handed out, as `sha256sum --check` reads them.

use crate::error::Result;
use crate::files;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::Path;

const NAME: &str = "SHA256SUMS";

/// Writes them for all files in `dir`.
pub(super) fn write(dir: &Path) -> Result<()> {
    let mut text = String::new();
    for path in files::list(dir)?.iter().filter(|path| files::name(path) != NAME) {
        for byte in Sha256::digest(files::read(path)?) {
            write!(text, "{byte:02x}").ok();
        }
        writeln!(text, "  {}", files::name(path)).ok();
    }
    files::write(&dir.join(NAME), text)
}

#[cfg(test)]
mod tests {
    use super::{NAME, write};
    use crate::process;
    use std::fs;
    use std::process::Command;

    #[test]
    fn sha256sum_agrees() {
        let dir = std::env::temp_dir().join(format!("headroom-sums-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("a.deb"), "one").unwrap();
        fs::write(dir.join("b.tar.gz"), "").unwrap();
        write(&dir).unwrap();
        let check = || {
            let mut sums = Command::new("sha256sum");
            process::output(sums.current_dir(&dir).args(["--strict", "--check", NAME]))
        };
        assert_eq!(check().unwrap(), "a.deb: OK\nb.tar.gz: OK\n");
        fs::write(dir.join("a.deb"), "two").unwrap();
        assert!(check().is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
