//! Embeds the built page in the program: `cargo xtask web` leaves it in `target/page`. And what
//! docs/troubleshoot.md says, as a man page says it.

#[path = "build/manual.rs"]
mod manual;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let page = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../target/page");
    // `build-id` is written with every new page; while there is none, this waits for the first.
    let build_id = page.join("build-id");
    println!("cargo::rerun-if-changed={}", build_id.display());
    let build = fs::read_to_string(&build_id).unwrap_or_default();
    let files = if build.is_empty() { Vec::new() } else { files(&page)? };

    let mut code = format!(
        "/// The id of the embedded page; empty if the program was built without one.\n\
         pub const BUILD: &str = {:?};\n\
         /// The files of the page, in the order of their paths.\n\
         static FILES: &[Embedded] = &[\n",
        build.trim()
    );
    for name in files {
        let path = fs::canonicalize(page.join(&name))?;
        let path = path.to_str().ok_or("the path of the page is not Unicode")?;
        writeln!(
            code,
            "Embedded {{ path: \"/{name}\", plain: include_bytes!({path:?}), \
             brotli: include_bytes!(\"{path}.br\"), gzip: include_bytes!(\"{path}.gz\") }},"
        )?;
    }
    code.push_str("];\n");
    let out = env::var("OUT_DIR")?;
    let out = Path::new(&out);
    fs::write(out.join("page.rs"), code)?;

    let document = "../docs/troubleshoot.md";
    println!("cargo::rerun-if-changed={document}");
    fs::write(out.join("troubleshoot.roff"), manual::roff(&fs::read_to_string(document)?))?;
    Ok(())
}

/// The names of the page's files that have both compressed forms beside them.
fn files(page: &Path) -> Result<Vec<String>, Box<dyn error::Error>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(page)? {
        let name = entry?
            .file_name()
            .into_string()
            .map_err(|name| format!("{} in the page", name.display()))?;
        let compressed = |form: &str| page.join(format!("{name}.{form}")).is_file();
        if compressed("br") && compressed("gz") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
