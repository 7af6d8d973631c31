//! Tables whose texts follow the state.

use leptos::prelude::*;

use super::amount::text;

/// The texts of a table, row by row.
pub(crate) type Rows = Vec<Vec<String>>;

/// A heading, and where the numbers under it come from.
pub(crate) type Heading = (&'static str, &'static str);

/// Shows up to `most` rows; those beyond what there is are hidden, so that nothing is built anew when
/// a number changes.
#[component]
pub(crate) fn Grid(
    /// Names it for tests and scripts, and for those who cannot see it.
    name: &'static str,
    /// One for each column.
    head: &'static [Heading],
    /// Rows at most.
    most: usize,
    /// The texts.
    rows: Memo<Rows>,
) -> impl IntoView {
    let cell = move |row: usize, column: usize| {
        let cell = text(move || {
            rows.read().get(row).and_then(|row| row.get(column)).cloned().unwrap_or_default()
        });
        if column == 0 {
            view! { <th scope="row">{cell}</th> }.into_any()
        } else {
            view! { <td data-label=head[column].0>{cell}</td> }.into_any()
        }
    };
    let line = move |row: usize| {
        let class = text(move || if row < rows.read().len() { "row" } else { "gone" }.into());
        let cells = (0..head.len()).map(|column| cell(row, column)).collect_view();
        view! { <tr class=class>{cells}</tr> }
    };
    let heading = |(label, from): &'static Heading| {
        view! { <th scope="col"><span class="amount" tabindex=if from.is_empty() { "-1" } else { "0" } data-exact=*from>{*label}</span></th> }
    };
    view! {
        <table class="grid" data-name=name aria-label=name>
            <thead><tr>{head.iter().map(heading).collect_view()}</tr></thead>
            <tbody>{(0..most).map(line).collect_view()}</tbody>
        </table>
    }
}
