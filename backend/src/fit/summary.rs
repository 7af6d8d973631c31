//! The answer in a sentence.

use shared::fit::{Answer, Job, NodeFit};
use shared::units::{human, span};

use super::judge::is_whole;
use super::over_ms;

/// Nodes that are named at most.
const MOST_NAMED: usize = 4;

pub(super) fn of(answer: &Answer) -> String {
    if answer.fits { fits(answer) } else { does_not(answer) }
}

fn copies(job: &Job) -> String {
    let size = human(job.size);
    if job.copies == 1 {
        format!("A copy of {size}")
    } else {
        format!("{} copies of {size}", job.copies)
    }
}

fn fits(answer: &Answer) -> String {
    let placed: Vec<&NodeFit> = answer.nodes.iter().filter(|node| node.copies > 0).collect();
    let verb = if answer.job.copies == 1 { "fits" } else { "fit" };
    let each = |node: &&NodeFit| format!("{} on {}", node.copies, node.id);
    let where_to = match &placed[..] {
        [one] => format!(" on {}", one.id),
        some if some.len() <= MOST_NAMED => {
            let all: Vec<String> = some.iter().map(each).collect();
            format!(": {}", all.join(", "))
        }
        many => {
            let most = many.iter().map(|node| node.copies).max().unwrap_or(0);
            format!(" on {} nodes, {most} on one at most", many.len())
        }
    };
    let more = if answer.room > answer.job.copies {
        format!("; there is room for {}", answer.room)
    } else {
        String::new()
    };
    let asked_ms = over_ms(&answer.job);
    let shortest = placed.iter().map(|node| node.floor_over_ms).min().unwrap_or(asked_ms);
    let looked = if is_whole(shortest, asked_ms) {
        String::new()
    } else {
        let (known, asked) = (span((shortest / 1000).max(1)), span(asked_ms / 1000));
        format!(" Not all of these nodes are known for {asked} yet: the shortest for {known}.")
    };
    format!("{} {verb}{where_to}{more}.{looked}", copies(&answer.job))
}

fn does_not(answer: &Answer) -> String {
    let Answer { job, nodes, largest, room, last_fit_ms, now_ms, .. } = answer;
    let verb = if job.copies == 1 { "does" } else { "do" };
    let why = match &nodes[..] {
        [] if job.labels.is_empty() && job.nodes.is_empty() => "this head has no nodes".into(),
        [] => "no node has all these labels".into(),
        [one] if one.because.is_some() => {
            let because = one.because.as_deref().unwrap_or_default();
            format!("{} ({}: {because})", no_more(*largest, job), one.id)
        }
        _ if job.copies == 1 || *largest == 0 => no_more(*largest, job),
        _ => format!("there is room for {room}, and {}", no_more(*largest, job)),
    };
    let last = last_fit_ms.map_or_else(String::new, |last_ms| {
        let ago = span(now_ms.saturating_sub(last_ms) / 1000);
        let verb = if job.copies == 1 { "It" } else { "They" };
        format!(" {verb} last would have {ago} ago.")
    });
    format!("{} {verb} not fit: {why}.{last}", copies(job))
}

fn no_more(largest: u64, job: &Job) -> String {
    match (largest, job.copies) {
        (0, 1) => "none of any size does".into(),
        (0, copies) => format!("no {copies} of any size do"),
        (largest, 1) => format!("the largest that does is {}", human(largest)),
        (largest, copies) => format!("the largest of which {copies} do is {}", human(largest)),
    }
}
