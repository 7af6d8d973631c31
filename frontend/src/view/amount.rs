//! A number of bytes: three digits to read, the exact number on hover and focus.

use leptos::prelude::*;
use shared::units::{Amount as Text, Scale, exact};

/// Shows bytes in the unit that fits, which a value at the border does not change each second.
/// What is unknown is a dash with its reason.
#[component]
pub(crate) fn Amount(
    /// Bytes.
    #[prop(into)]
    bytes: Signal<Option<u64>>,
    /// Why there is no number, if there is none.
    #[prop(into, default = "This kernel does not report it".into())]
    unknown: Signal<String>,
    /// Names it for tests and scripts.
    name: &'static str,
) -> impl IntoView {
    let held: StoredValue<Option<Scale>> = StoredValue::new(None);
    let text = Memo::new(move |_| {
        bytes.get().map(|bytes| {
            let text = Text::of(bytes, held.get_value());
            held.set_value(Some(text.scale));
            (text.number, text.scale.name())
        })
    });
    let number = move || text.read().as_ref().map_or("—".to_owned(), |(number, _)| number.clone());
    let unit = move || text.read().as_ref().map(|(_, unit)| *unit);
    view! {
        <data
            class="amount"
            tabindex="0"
            data-name=name
            value=move || bytes.get().map(|bytes| bytes.to_string())
            data-exact=move || bytes.get().map_or_else(|| unknown.get(), exact)
        >
            {number}
            <span class="unit">{move || unit().map(|unit| format!("\u{a0}{unit}"))}</span>
        </data>
    }
}
