//! Documents that are written from the code.

use crate::error::Result;
use crate::files;
use crate::process::root;

/// A document, relative to the workspace, and what writes it.
type Written = (&'static str, fn() -> String);

pub(crate) const WRITTEN: [Written; 2] =
    [("docs/fields.md", shared::field::markdown), ("docs/memory.md", shared::report::markdown)];

pub(crate) fn write() -> Result<()> {
    for (name, text) in WRITTEN {
        let path = root().join(name);
        if let Some(dir) = path.parent() {
            files::create_dir(dir)?;
        }
        files::write(&path, text())?;
        eprintln!("wrote {name}");
    }
    Ok(())
}
