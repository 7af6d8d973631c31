//! Documents that are written from the code.

use crate::error::Result;
use crate::files;
use crate::process::root;

/// The field table for readers, relative to the workspace.
pub(crate) const FIELDS: &str = "docs/fields.md";

pub(crate) fn write() -> Result<()> {
    let path = root().join(FIELDS);
    if let Some(dir) = path.parent() {
        files::create_dir(dir)?;
    }
    files::write(&path, shared::field::markdown())?;
    eprintln!("wrote {FIELDS}");
    Ok(())
}
