//! headroom-troubleshoot(7): docs/troubleshoot.md.

use super::{Page, text};

/// What the document says, as the program was built with it.
const BODY: &str = include_str!(concat!(env!("OUT_DIR"), "/troubleshoot.roff"));

/// The page.
pub(super) fn page(date: &str) -> Page {
    let name = "headroom-troubleshoot";
    let mut roff = text::title(name, "7", date);
    text::name(
        &mut roff,
        name,
        "what helps with Headroom, and what each finding of its doctor means",
    );
    let about = "Where to look first, what owners run into, and a paragraph for each finding of \
                 `headroom doctor`.";
    text::section(&mut roff, "DESCRIPTION", [about]);
    let start = roff.render();
    let mut roff = clap_mangen::roff::Roff::new();
    let see = ["headroom-doctor(1)", "headroom.toml(5)", "headroom-agent(1)", "headroom-serve(1)"];
    text::see(&mut roff, &see.map(String::from));
    let end = text::of_library(roff.render().as_bytes());
    // What stands before the first heading is the document's, not the page's.
    let body = BODY.find(".SH ").map_or("", |start| &BODY[start..]);
    (format!("{name}.7"), start + &text::of_library(body.as_bytes()) + &end)
}
