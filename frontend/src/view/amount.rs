//! Texts that change: numbers of bytes, and others that may be unknown.

use leptos::prelude::*;
use shared::units::{Amount as Text, Scale, exact};

/// A text that follows the state. One type for all of them keeps the page small.
pub(crate) fn text(of: impl Fn() -> String + Send + Sync + 'static) -> Signal<String> {
    Signal::derive(of)
}

/// Shows bytes in the unit that fits, which a value at the border does not change each second, with
/// the exact number and its origin on hover and focus. What is unknown is a dash with its reason.
#[component]
pub(crate) fn Amount(
    /// Bytes.
    bytes: Signal<Option<u64>>,
    /// Why there is no number, if there is none.
    #[prop(default = "This kernel does not report it")]
    unknown: &'static str,
    /// Names it for tests and scripts.
    name: &'static str,
    /// Where it comes from: keys, files and formula.
    #[prop(into)]
    from: Signal<String>,
) -> impl IntoView {
    let held: StoredValue<Option<Scale>> = StoredValue::new(None);
    let shown = Memo::new(move |_| {
        bytes.get().map(|bytes| {
            let text = Text::of(bytes, held.get_value());
            held.set_value(Some(text.scale));
            text
        })
    });
    let number =
        text(move || shown.read().as_ref().map_or("—".into(), |text| text.number.clone()));
    let unit = text(move || {
        shown.read().as_ref().map_or(String::new(), |text| format!("\u{a0}{}", text.scale.name()))
    });
    view! {
        <data
            class="amount"
            tabindex="0"
            data-name=name
            value=text(move || bytes.get().map_or(String::new(), |bytes| bytes.to_string()))
            data-exact=text(move || bytes.get().map_or(unknown.into(), exact))
            data-from=from
        >
            {number}<span class="unit">{unit}</span>
        </data>
    }
}

/// Shows a text, or a dash with its reason on hover and focus.
#[component]
pub(crate) fn Known(
    /// The text.
    value: Signal<Option<String>>,
    /// Why there is none, if there is none.
    why: &'static str,
    /// Where it comes from.
    #[prop(into, optional)]
    from: String,
    /// Names it for tests and scripts.
    name: &'static str,
) -> impl IntoView {
    let reason = text(move || if value.read().is_some() { from.clone() } else { why.into() });
    // Only what has something to say is worth a stop of the tab key.
    let stop = text(move || if reason.read().is_empty() { "-1" } else { "0" }.into());
    view! {
        <span class="amount" tabindex=stop data-name=name data-exact=reason>
            {text(move || value.get().unwrap_or_else(|| "—".into()))}
        </span>
    }
}
