//! Who had the memory, and who grew.

use std::cmp::Reverse;

use shared::black_box::{BoxAt, Course, Grown};

use super::html::{amount, name, put};
use super::pictures;

/// Processes that are shown at most.
const MOST: usize = 16;

/// A table of the processes that were ranked: who grew most, then who had most.
pub(super) fn table(out: &mut String, at: &BoxAt) {
    let what = &at.what;
    let (Some(first), Some(last)) = (what.rankings.first(), what.rankings.last()) else { return };
    let mut rows: Vec<(Course, Option<Grown>)> = what
        .courses()
        .into_iter()
        .map(|course| {
            let grown = course.grown();
            (course, grown)
        })
        .collect();
    let most_held = |course: &Course| course.points.iter().map(|point| point.1).max().unwrap_or(0);
    rows.sort_by_key(|(course, grown)| {
        Reverse((grown.as_ref().map_or(0, |grown| grown.to - grown.from), most_held(course)))
    });
    let left_out = rows.len().saturating_sub(MOST);
    rows.truncate(MOST);
    let most = rows.iter().map(|(course, _)| most_held(course)).max().unwrap_or(0);
    let who = if rows.iter().any(|(_, grown)| grown.is_some()) {
        "Who grew"
    } else {
        "Who had the memory"
    };
    put!(
        out,
        "<h3>{who}</h3>\n<p class=\"facts-line\">What processes held of their own, {} times within {}. All \
         are drawn on one scale.</p>\n<table class=\"grid processes\"><thead><tr><th>Process</th>\
         <th>Grew by</th><th>From</th><th>Most</th><th>At the end</th><th>Over time</th></tr></thead><tbody>\n",
        what.rankings.len(),
        super::words::lasted(last.uptime_us.saturating_sub(first.uptime_us) / 1000),
    );
    for (course, grown) in &rows {
        let is_victim =
            what.killed.iter().any(|killed| killed.pid == course.pid && killed.name == course.name);
        let last_point = course.points.last().filter(|point| point.0 == last.uptime_us);
        let (by, from, most_bytes) = grown.as_ref().map_or_else(
            || ("—".into(), "—".into(), amount(most_held(course))),
            |grown| (amount(grown.to - grown.from), amount(grown.from), amount(most_held(course))),
        );
        put!(
            out,
            "<tr{}><th scope=\"row\">{} <span class=\"pid\">{}{}</span></th><td data-label=\"Grew by\">{by}\
             </td><td data-label=\"From\">{from}</td><td data-label=\"Most\">{most_bytes}</td><td data-label=\"At the \
             end\">{}</td><td class=\"course\" aria-hidden=\"true\">{}</td></tr>\n",
            if is_victim { " class=\"wrong\"" } else { "" },
            name(&course.name),
            course.pid,
            if is_victim { " · killed" } else { "" },
            last_point.map_or_else(|| "—".into(), |point| amount(point.1)),
            pictures::course(course, (first.uptime_us, last.uptime_us), most),
        );
    }
    out.push_str("</tbody></table>\n");
    if left_out > 0 {
        put!(out, "<p class=\"facts-line\">{left_out} more are in the data.</p>\n");
    }
}
