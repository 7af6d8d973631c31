//! From sources to the files a browser gets: names that carry the hash of what is in the file, and
//! the templates that refer to them. Pure, so that it is tested without building anything.

use crate::error::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Kinds of files in which `{{…}}` is a template.
const TEXT: [&str; 8] = ["html", "css", "js", "svg", "webmanifest", "json", "txt", "xml"];

/// The page as it is served: what is asked for as `/name`.
pub(crate) struct Page {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Identifies everything the page was made from.
    pub(crate) build: String,
}

/// The page's program, and the JavaScript around it.
pub(crate) struct Program {
    /// What the generator wrote for the first part…
    pub(crate) glue: String,
    pub(crate) wasm: Vec<u8>,
    /// …and what loads the second, which is fetched when it is first used.
    pub(crate) loader: String,
    pub(crate) late: Vec<u8>,
}

impl Page {
    pub(crate) fn assemble(statics: &BTreeMap<String, Vec<u8>>, program: &Program) -> Result<Self> {
        let mut page = Self { files: BTreeMap::new(), build: build_id(statics, program) };
        let late = page.add("late.wasm", program.late.clone());
        let wasm = page.add("headroom_bg.wasm", program.wasm.clone());
        let glue = with_loader(&program.glue, &program.loader, &late)?;
        let script = page.add("headroom.js", with_start(&glue, &wasm)?.into_bytes());
        let known =
            BTreeMap::from([("script", script), ("wasm", wasm), ("build", page.build.clone())]);
        let mut filling = Filling { page, statics, known, done: BTreeMap::new(), open: Vec::new() };
        for name in statics.keys() {
            filling.path_of(name)?;
        }
        if !filling.page.files.contains_key("index.html") {
            return Err(Error::say("static/index.html is missing: the page starts there"));
        }
        Ok(filling.page)
    }

    /// Whether a file is fetched only when something is used that needs it.
    pub(crate) fn is_late(name: &str) -> bool {
        name.starts_with("late")
    }

    /// What a browser fetches at first: `index.html`, and all that it and its files mention.
    pub(crate) fn loaded(files: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
        let mut loaded = vec!["index.html"];
        let mut at = 0;
        while let Some(text) = loaded.get(at).and_then(|&name| files.get(name)) {
            for name in files.keys() {
                let mentioned = text.windows(name.len()).any(|part| part == name.as_bytes());
                if mentioned && !Self::is_late(name) && !loaded.contains(&name.as_str()) {
                    loaded.push(name);
                }
            }
            at += 1;
        }
        loaded
    }

    /// Adds a file under its hashed name and gives its path.
    fn add(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let name = match name.rsplit_once('.') {
            _ if name == "index.html" => name.to_owned(),
            Some((stem, ending)) => format!("{stem}-{}.{ending}", hash(&bytes)),
            None => format!("{name}-{}", hash(&bytes)),
        };
        let path = format!("/{name}");
        self.files.insert(name, bytes);
        path
    }
}

/// Fills templates; a file's hash covers what it refers to, so those come first.
struct Filling<'a> {
    page: Page,
    statics: &'a BTreeMap<String, Vec<u8>>,
    known: BTreeMap<&'static str, String>,
    /// Paths of the static files already added.
    done: BTreeMap<String, String>,
    /// The files being filled, outermost first.
    open: Vec<String>,
}

impl Filling<'_> {
    fn path_of(&mut self, name: &str) -> Result<String> {
        if let Some(path) = self.done.get(name) {
            return Ok(path.clone());
        }
        if self.open.iter().any(|open| open == name) {
            let chain = self.open.join(" → ");
            return Err(Error::say(format!("static/{name}: refers to itself through {chain}")));
        }
        self.open.push(name.to_owned());
        let mut bytes = self.statics.get(name).cloned().unwrap_or_default();
        if name.rsplit_once('.').is_some_and(|(_, ending)| TEXT.contains(&ending)) {
            let text = String::from_utf8(bytes)
                .map_err(|_| Error::say(format!("static/{name}: is not UTF-8")))?;
            bytes = self.fill(name, &text)?.into_bytes();
        }
        self.open.pop();
        let path = self.page.add(name, bytes);
        self.done.insert(name.to_owned(), path.clone());
        Ok(path)
    }

    fn fill(&mut self, file: &str, mut text: &str) -> Result<String> {
        let mut filled = String::with_capacity(text.len());
        while let Some((before, rest)) = text.split_once("{{") {
            let (name, after) = rest
                .split_once("}}")
                .ok_or_else(|| Error::say(format!("static/{file}: `{{{{` without `}}}}`")))?;
            filled.push_str(before);
            filled.push_str(&self.value(file, name)?);
            text = after;
        }
        filled.push_str(text);
        Ok(filled)
    }

    fn value(&mut self, file: &str, name: &str) -> Result<String> {
        if let Some(value) = self.known.get(name) {
            return Ok(value.clone());
        }
        if self.statics.contains_key(name) {
            return self.path_of(name);
        }
        Err(Error::say(format!(
            "static/{file}: unknown template {{{{{name}}}}}; known are {{{{script}}}}, \
             {{{{wasm}}}}, {{{{build}}}} and the names of files in static/"
        )))
    }
}

/// The glue plus the statement that starts the page, so that no inline script is needed. Whoever
/// imports the module again gets the same instance from `default()`.
fn with_start(glue: &str, wasm: &str) -> Result<String> {
    if !glue.contains("__wbg_init as default") {
        return Err(Error::say(
            "wasm-bindgen's glue has no `__wbg_init as default` any more; adapt the start \
             statement in xtask/src/web/page.rs to what it exports now",
        ));
    }
    Ok(format!(
        "{glue}\n__wbg_init({{ module_or_path: \"{wasm}\" }}).catch((error) => {{\n    \
         document.documentElement.dataset.failed = String(error);\n    \
         console.error(error);\n}});\n"
    ))
}

/// The glue with what loads the late part within it: as a module of its own, it and the glue would each
/// have to carry the hash of the other.
fn with_loader(glue: &str, loader: &str, late: &str) -> Result<String> {
    let adapt = |what: &str| {
        Error::say(format!(
            "{what}; adapt `with_loader` in xtask/src/web/page.rs to what is there now"
        ))
    };
    let import = glue
        .lines()
        .find(|line| line.starts_with("import * as ") && line.contains(super::split::LINK))
        .ok_or_else(|| adapt("wasm-bindgen's glue does not import what loads the late part"))?;
    let name = import.split_whitespace().nth(3).unwrap_or_default();
    let (mut body, mut exported) = (String::new(), Vec::new());
    for line in loader.lines().filter(|line| !line.starts_with("import ")) {
        let line = line.strip_prefix("export const ").map_or(line.to_owned(), |rest| {
            exported.extend(rest.split_whitespace().next());
            format!("const {rest}")
        });
        body.push_str(&line);
        body.push('\n');
    }
    let url = "new URL(\"./split_late.wasm\", import.meta.url)";
    if exported.is_empty() || !body.contains(url) {
        return Err(adapt("what loads the late part has another shape"));
    }
    let body = body.replace(url, &format!("\"{late}\""));
    let body = super::slim::glue(&body, &[]);
    let whole =
        format!("const {name} = (() => {{\n{body}return {{ {} }};\n}})();", exported.join(", "));
    Ok(glue.replacen(import, &whole, 1))
}

/// Over the sources and not over the results, which may carry it.
fn build_id(statics: &BTreeMap<String, Vec<u8>>, program: &Program) -> String {
    let all = statics.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let Program { glue, wasm, loader, late } = program;
    let made: [(&str, &[u8]); 4] =
        [("glue", glue.as_bytes()), ("wasm", wasm), ("loader", loader.as_bytes()), ("late", late)];
    let all = all.chain(made);
    let lines: Vec<_> = all.map(|(name, bytes)| format!("{name} {}\n", hash(bytes))).collect();
    hash(lines.concat().as_bytes())
}

/// The first 16 hex digits of SHA-256.
fn hash(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest
        .first_chunk()
        .map(|first| format!("{:016x}", u64::from_be_bytes(*first)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Page, Program, hash};
    use std::collections::BTreeMap;

    const GLUE: &str = "import * as import1 from \"./__wasm_split.js\"\nexport { initSync, __wbg_init as default };";
    const LOADER: &str = "import { initSync } from \"./main.js\";\n\
        export const load_late = () => fetch(new URL(\"./split_late.wasm\", import.meta.url));";

    fn program(glue: &str) -> Program {
        let (glue, loader) = (glue.to_owned(), LOADER.to_owned());
        Program { glue, loader, wasm: b"wasm".to_vec(), late: b"late".to_vec() }
    }

    fn assemble(files: &[(&str, &str)]) -> Result<Page, String> {
        let text = |&(name, text): &(&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
        let statics = files.iter().map(text).collect();
        Page::assemble(&statics, &program(GLUE)).map_err(|error| error.to_string())
    }

    fn text<'a>(page: &'a Page, start: &str) -> &'a str {
        let (_, bytes) = page.files.iter().find(|(name, _)| name.starts_with(start)).unwrap();
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn names_carry_the_hash_and_templates_refer_to_them() {
        let page = assemble(&[
            ("index.html", "{{script}} {{wasm}} {{build}} {{a.css}}"),
            ("a.css", "url({{icon.svg}})"),
            ("icon.svg", "<svg/>"),
        ])
        .unwrap();
        let icon = format!("/icon-{}.svg", hash(b"<svg/>"));
        let css = format!("url({icon})");
        assert_eq!(text(&page, "a-"), css);
        let wasm = format!("/headroom_bg-{}.wasm", hash(b"wasm"));
        let glue = text(&page, "headroom-");
        let late = format!("/late-{}.wasm", hash(b"late"));
        let import = format!(
            "const import1 = (() => {{\nconst load_late = () => fetch(\"{late}\");\n\
             return {{ load_late }};\n}})();\nexport {{"
        );
        assert!(glue.starts_with(&import), "{glue}");
        assert!(glue.contains(&format!("module_or_path: \"{wasm}\"")));
        let script = format!("/headroom-{}.js", hash(glue.as_bytes()));
        let expect = format!("{script} {wasm} {} /a-{}.css", page.build, hash(css.as_bytes()));
        assert_eq!(text(&page, "index"), expect);
        assert_eq!(page.build.len(), 16);
        assert_eq!(Page::loaded(&page.files).len(), 5);
    }

    #[test]
    fn the_build_id_follows_every_source() {
        let one = assemble(&[("index.html", "")]).unwrap();
        let two = assemble(&[("index.html", " ")]).unwrap();
        let three = assemble(&[("index.html", ""), ("a.css", "")]).unwrap();
        assert!(one.build != two.build && one.build != three.build && two.build != three.build);
        assert_eq!(one.build, assemble(&[("index.html", "")]).unwrap().build);
    }

    #[test]
    fn mistakes_name_file_and_template() {
        let check = |files: &[(&str, &str)], says: &str| {
            let error = assemble(files).err().unwrap();
            assert!(error.starts_with(says), "{error}");
        };
        check(&[("index.html", "{{a.css}}")], "static/index.html: unknown template {{a.css}}");
        check(&[("index.html", "{{script")], "static/index.html: `{{` without `}}`");
        check(&[("a.css", "")], "static/index.html is missing");
        check(
            &[("index.html", "{{a.css}}"), ("a.css", "{{b.css}}"), ("b.css", "{{a.css}}")],
            "static/a.css: refers to itself through a.css → b.css",
        );
    }

    #[test]
    fn glue_of_another_shape_is_refused() {
        let statics = BTreeMap::from([("index.html".to_owned(), Vec::new())]);
        for glue in ["export default init;", "export { __wbg_init as default };"] {
            assert!(Page::assemble(&statics, &program(glue)).is_err());
        }
    }
}
