//! The part of the page that is loaded when it is first used: what only leads from [`PARTS`] is cut out
//! of the page's program by `cargo xtask web`, with its templates and styles beside it.

use crate::net;
use crate::store::{Parts, Store};
use crate::view::adding::add_adding;
use crate::view::compare::add_compare;
use crate::view::dom::{attach, attach_styles, meta};
use crate::view::fit::add_fit;
use crate::view::happened::add_happened;
use crate::view::heat::add_heat;
use crate::view::help::add_help;
use crate::view::incidents::add_incidents;
use crate::view::tools::fill_tools;
use crate::view::usage::fill_who;

static PARTS: Parts = Parts {
    compare: add_compare,
    heat: add_heat,
    who: fill_who,
    tools: fill_tools,
    help: add_help,
    adding: add_adding,
    happened: add_happened,
    fit: add_fit,
    incidents: add_incidents,
    plan_past: Store::plan_past,
    seek_past: Store::seek_past,
    take_past: Store::take_past,
};

#[expect(clippy::unnecessary_wraps, reason = "what is loaded may not come")]
mod cut {
    use super::{PARTS, Parts};
    use wasm_split_helpers::{SplitLoaderError, wasm_split};

    /// Here the late part begins.
    #[wasm_split(late, fallible)]
    pub(super) fn parts() -> Result<&'static Parts, SplitLoaderError> {
        Ok(&PARTS)
    }
}

/// Loads the late part; nothing if it cannot be had.
pub(crate) async fn load() -> Option<&'static Parts> {
    let names = meta("headroom-late");
    let (templates, styles) = names.split_once(' ')?;
    attach_styles(styles);
    let text = net::text(templates);
    let (parts, text) = futures_util::future::join(cut::parts(), text).await;
    let (parts, text) = (parts.ok()?, text?);
    attach(&text);
    Some(parts)
}
