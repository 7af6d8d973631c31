//! What the head knows in the words of Prometheus: text 0.0.4 and `OpenMetrics` 1.0.
//!
//! One page tells of all nodes: each line names its node as `instance`, as if that were scraped by
//! itself. Of a node whose readings are overdue there is no line but that it is not up, so that its
//! series end.

mod accept;
mod families;
mod head;
mod nodes;

use shared::alert::Incident;
use shared::history::HistoryStatus;

use crate::bill::Cost;
use crate::exports::ExportStatus;
use crate::head::fleet::NodeDetail;
use families::Families;

pub use accept::accepted;

/// The forms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Text, Self::OpenMetrics];

    /// As HTTP names it.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What is told.
pub struct Known<'a> {
    /// The head's clock: ms since 1970.
    pub now_ms: u64,
    /// All nodes.
    pub nodes: &'a [NodeDetail],
    /// What the head itself knows; `None` on an agent, which knows its own node alone.
    pub head: Option<OfHead<'a>>,
    /// What this process costs.
    pub cost: Cost,
}

/// What only a head knows.
pub struct OfHead<'a> {
    /// Incidents that are not over.
    pub incidents: &'a [Incident],
    /// How history fares.
    pub history: &'a HistoryStatus,
    /// How exports fare.
    pub exports: &'a [ExportStatus],
}

/// Tells what is known.
#[must_use]
pub fn page(known: &Known<'_>, form: Form) -> Vec<u8> {
    let mut families = Families::new(form);
    nodes::tell(known, &mut families);
    head::tell(known, &mut families);
    families.end()
}

#[cfg(test)]
mod tests;
