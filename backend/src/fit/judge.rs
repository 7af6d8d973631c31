//! What one node has for copies, or why nothing may be placed there.

use shared::NodeId;
use shared::fit::{Job, usual_reserve};
use shared::node::Condition;
use shared::units::{human, percent, span};

use super::over_ms;
use crate::head::{Shown, Sign};

/// The share of the last 10 s in which some program may have waited for memory.
const PRESSURE: f64 = 0.1;
/// Pages per second that may be read back after they had just been dropped: as many as alerts take for the
/// beginning of harm.
const THRASHING: f64 = 500.0;

/// A node before anything is placed on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judged {
    pub(super) id: NodeId,
    pub(super) host_name: String,
    /// The least that was available, in bytes.
    pub(super) floor: Option<u64>,
    /// Over how long it was looked at, in ms.
    pub(super) over_ms: u64,
    /// What is available now, in bytes.
    pub(super) now: Option<u64>,
    /// What must stay available, in bytes.
    pub(super) reserve: u64,
    /// Why nothing may be placed there, whatever its size.
    pub(super) veto: Option<String>,
    /// Whether it gave a reading since the head started.
    pub(super) is_known: bool,
}

/// Every node that is asked about.
pub(super) fn all(job: &Job, signs: &[Sign], now_ms: u64) -> Vec<Judged> {
    let is_meant = |sign: &&Sign| {
        let has = |label: &String| {
            sign.labels.iter().any(|l| label.split_once('=') == Some((&l.key, &l.value)))
        };
        // Ids are in order.
        (job.nodes.is_empty() || job.nodes.binary_search(&sign.id).is_ok())
            && job.labels.iter().all(has)
    };
    let mut all: Vec<Judged> =
        signs.iter().filter(is_meant).map(|sign| Judged::of(sign, job, now_ms)).collect();
    let unknown = job.nodes.iter().filter(|id| !signs.iter().any(|sign| sign.id == **id));
    all.extend(unknown.map(|id| Judged::unknown(id, job)));
    all
}

impl Judged {
    fn of(sign: &Sign, job: &Job, now_ms: u64) -> Self {
        let shown = sign.shown.as_ref();
        let total = shown.map_or(0, |shown| shown.total);
        Self {
            id: sign.id.clone(),
            host_name: sign.facts.host_name.clone(),
            floor: shown.and_then(|shown| shown.floor),
            over_ms: shown.map_or(0, |shown| shown.floor_over_ms),
            now: shown.and_then(|shown| shown.available),
            reserve: job.reserve.unwrap_or_else(|| usual_reserve(total)),
            veto: veto(sign, job, now_ms),
            is_known: shown.is_some(),
        }
    }

    fn unknown(id: &NodeId, job: &Job) -> Self {
        Self {
            id: id.clone(),
            host_name: String::new(),
            floor: None,
            over_ms: 0,
            now: None,
            reserve: job.reserve.unwrap_or(0),
            veto: Some("this head knows no node of that name".into()),
            is_known: false,
        }
    }

    /// What copies may take there, if others hold so many bytes of it.
    pub(super) fn bytes(&self, held: u64) -> u64 {
        if self.veto.is_some() {
            return 0;
        }
        self.floor.unwrap_or(0).saturating_sub(self.reserve).saturating_sub(held)
    }

    /// Why no copy fits there.
    pub(super) fn because(&self, job: &Job, held: u64) -> String {
        if let Some(veto) = &self.veto {
            return veto.clone();
        }
        let Some(floor) = self.floor else {
            return "what it has available is not known".into();
        };
        let looked = if is_whole(self.over_ms, over_ms(job)) {
            format!("in the last {}", span(over_ms(job) / 1000))
        } else if self.over_ms < 1000 {
            "so far".into()
        } else {
            format!("in the {} for which it is known", span(self.over_ms / 1000))
        };
        let mut text = format!("its least {looked} was {}", human(floor));
        if self.reserve > 0 {
            text = format!("{text}, of which {} stays free", human(self.reserve));
        }
        let free = floor.saturating_sub(self.reserve);
        if free >= job.size {
            let left = human(free.saturating_sub(held));
            return format!("others hold {} of it, which leaves {left}: {text}", human(held));
        }
        match self.now {
            // What whoever looks at this moment would have taken for enough.
            Some(now) if now.saturating_sub(self.reserve) >= job.size => {
                format!("{text}, though {} is available now", human(now))
            }
            _ => text,
        }
    }
}

/// Whether what was looked at is as good as the whole of the time that was asked about.
pub(super) fn is_whole(looked_ms: u64, asked_ms: u64) -> bool {
    // The last reading of a node may be a few seconds old.
    looked_ms + asked_ms / 10 + 5000 >= asked_ms
}

/// Why nothing may be placed on a node, however small.
fn veto(sign: &Sign, job: &Job, now_ms: u64) -> Option<String> {
    if let Some(text) = silence(sign, now_ms) {
        return Some(text);
    }
    if let Some(trouble) = &sign.trouble {
        return Some(format!("it cannot be read at present: {trouble}"));
    }
    let Some(shown) = &sign.shown else {
        return Some("what it has available is not known yet".into());
    };
    distress(shown).or_else(|| runs_out(sign, job, now_ms))
}

/// That it does not speak, or is not heard.
fn silence(sign: &Sign, now_ms: u64) -> Option<String> {
    let ago = span(now_ms.saturating_sub(sign.since_ms) / 1000);
    Some(match sign.condition {
        Condition::Live => return None,
        Condition::Late => format!("it is late: its last reading is {ago} old"),
        Condition::Stale => format!("it is stale: it was heard last {ago} ago"),
        Condition::Gone if sign.stopped => format!("its agent was stopped {ago} ago"),
        Condition::Gone => format!("it is gone: it was heard last {ago} ago"),
        Condition::NeverSeen => "it has never reported".into(),
        Condition::Refused => "its agent is turned away".into(),
    })
}

/// That it has no memory to give, whatever it shows as available.
fn distress(shown: &Shown) -> Option<String> {
    if let Some(pressure) = shown.pressure.filter(|&pressure| pressure > PRESSURE) {
        let share = percent(pressure);
        return Some(format!(
            "it is under pressure: some program waited for memory in {share} of the last 10 s"
        ));
    }
    if let Some(pages) = shown.thrashing.filter(|&pages| pages > THRASHING) {
        return Some(format!(
            "it is thrashing: it reads back {pages:.0} pages a second that it had just dropped"
        ));
    }
    if shown.under_voltage {
        return Some("its supply voltage is too low".into());
    }
    let throttled = "its processor is slowed down: it is too hot, or has too little power";
    shown.throttled.then(|| throttled.into())
}

/// That it will have none before the job is done.
fn runs_out(sign: &Sign, job: &Job, now_ms: u64) -> Option<String> {
    let (forecast, duration_s) = sign.forecast.as_ref().zip(job.duration_s)?;
    let left_s = forecast.out_ms.saturating_sub(now_ms) / 1000;
    (left_s < duration_s).then(|| {
        format!(
            "its memory runs out in {} if it goes on as it does ({} an hour), and the job takes {}",
            span(left_s),
            human(forecast.lost_per_hour),
            span(duration_s)
        )
    })
}
