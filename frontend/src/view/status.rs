//! How current the numbers are, and what is wrong.

use leptos::web_sys::Element;

use super::dom::{dress, find, follow, on, reload, reveal, show};
use crate::status::Kind;
use crate::store::Store;

/// Fills the line in the header, which a screen reader speaks when it changes, and the banners of what
/// is wrong and what to do, which are absent while nothing is.
pub(crate) fn add_status(page: &Element, store: Store) {
    let (line, words) = (find(page, "status"), find(page, "status-words"));
    let (banner, detail) = (find(page, "banner"), find(page, "banner-words"));
    let outdated = find(page, "outdated");
    on(find(page, "reload"), "click", |_| reload());
    follow(move || {
        let status = store.status();
        dress(&line, &["status ", status.kind.class()].concat());
        show(&words, status.words);
        let quiet = matches!(
            status.kind,
            Kind::Live | Kind::Past | Kind::Connecting | Kind::Waiting | Kind::Late
        );
        dress(&banner, &["banner ", if quiet { "gone" } else { status.kind.class() }].concat());
        show(&detail, &status.detail);
        dress(&outdated, if store.is_outdated() { "banner outdated" } else { "banner gone" });
    });
    let plain = find(page, "plain");
    follow(move || {
        reveal(&plain, store.desk().session().is_some_and(|session| session.is_plain));
    });
}
