//! Debian's own judgement of a package.

use super::tools;
use crate::error::Result;
use crate::process;
use std::path::Path;

/// Fails on errors and warnings; what is as it should be is named in `packaging/debian/lintian-overrides`.
pub(super) fn check(deb: &Path) -> Result<()> {
    let mut lintian = tools::from_debian("lintian", "lintian")?;
    process::run(lintian.args(["--allow-root", "--fail-on", "error,warning"]).arg(deb))
}
