//! How long the texts and lists of an agent may be. They come from afar: what is longer is cut.

use shared::black_box::{BlackBox, MOST_KILLED, MOST_RANKED, MOST_RANKINGS};
use shared::overview::Label;
use shared::survey::Survey;
use shared::usage::Usage;
use shared::wire::Hello;

/// Bytes of a name, a kind, a path at most.
const MOST_NAME: usize = 256;
/// Bytes of a sentence at most.
const MOST_SENTENCE: usize = 1000;
/// Bytes of a sentence of trouble at most.
const MOST_TROUBLE: usize = 500;
/// Rows of a list at most.
const MOST_ROWS: usize = 256;
/// Between two readings, in ms.
const PERIODS_MS: std::ops::RangeInclusive<u32> = 50..=60_000;

fn cut(text: &mut String, most: usize) {
    text.truncate(text.floor_char_boundary(most));
}

pub(super) fn hello(hello: &mut Hello) {
    let facts = &mut hello.facts;
    let optional = [
        &mut facts.model,
        &mut facts.os,
        &mut facts.kernel,
        &mut facts.cpu_name,
        &mut hello.boot_id,
    ];
    for text in optional.into_iter().flatten() {
        cut(text, MOST_NAME);
    }
    cut(&mut facts.host_name, MOST_NAME);
    hello.period_ms = hello.period_ms.clamp(*PERIODS_MS.start(), *PERIODS_MS.end());
}

pub(super) fn trouble(text: &mut String) {
    cut(text, MOST_TROUBLE);
}

/// Labels that are not sound are left out.
pub(super) fn labels(labels: &mut Vec<Label>) {
    labels.retain(Label::is_sound);
    labels.truncate(Label::MOST);
    labels.sort_unstable();
    labels.dedup_by(|second, first| second.key == first.key);
}

pub(super) fn survey(survey: &mut Survey) {
    survey.swaps.truncate(MOST_ROWS);
    survey.zram.truncate(MOST_ROWS);
    survey.findings.truncate(MOST_ROWS);
    for area in &mut survey.swaps {
        cut(&mut area.name, MOST_NAME);
        cut(&mut area.kind, MOST_NAME);
    }
    for device in &mut survey.zram {
        cut(&mut device.name, MOST_NAME);
        device.algorithm.iter_mut().for_each(|name| cut(name, MOST_NAME));
    }
    for finding in &mut survey.findings {
        cut(&mut finding.id, MOST_NAME);
        for text in [&mut finding.finding, &mut finding.evidence, &mut finding.fix] {
            cut(text, MOST_SENTENCE);
        }
    }
    survey.container.iter_mut().for_each(|name| cut(name, MOST_NAME));
}

pub(super) fn usage(usage: &mut Usage) {
    usage.processes.truncate(MOST_ROWS);
    usage.groups.truncate(MOST_ROWS);
    for process in &mut usage.processes {
        cut(&mut process.name, MOST_NAME);
    }
    for group in &mut usage.groups {
        cut(&mut group.path, MOST_SENTENCE);
        cut(&mut group.name, MOST_NAME);
        cut(&mut group.kind, MOST_NAME);
    }
    usage.no_groups.iter_mut().for_each(|text| cut(text, MOST_SENTENCE));
}

pub(super) fn black_box(what: &mut BlackBox) {
    what.killed.truncate(MOST_KILLED);
    what.rankings.truncate(MOST_RANKINGS);
    for killed in &mut what.killed {
        cut(&mut killed.name, MOST_NAME);
        killed.group.iter_mut().for_each(|group| cut(group, MOST_SENTENCE));
    }
    for ranking in &mut what.rankings {
        ranking.rows.truncate(MOST_RANKED);
        ranking.rows.iter_mut().for_each(|row| cut(&mut row.name, MOST_NAME));
    }
    what.note.iter_mut().for_each(|text| cut(text, MOST_SENTENCE));
}
