//! All keys.

use leptos::web_sys::HtmlDialogElement;

use super::dom::{put, stamp};
use crate::store::Store;

/// Fills the dialog of keys.
pub(crate) fn add_help(dialog: &HtmlDialogElement, _: Store) {
    put(dialog, &stamp("t-help"));
}
