//! What people say of incidents.

use shared::alert::{Incident, StepKind};

use super::Engine;

impl Engine {
    /// Somebody looks after it. `None` if there is no such incident.
    pub(in crate::alerts) fn acknowledge(&mut self, id: u64, now_ms: u64) -> Option<Incident> {
        let kept = self.all.get_mut(&id)?;
        if kept.is_open() && kept.incident.acknowledged_ms.is_none() {
            kept.incident.acknowledged_ms = Some(now_ms);
            kept.later = None;
            kept.untell_all();
            kept.step(StepKind::Acknowledged, "Somebody looks after it.".into(), now_ms, None);
        }
        Some(kept.incident.clone())
    }

    /// It is told to nobody until then. `None` if there is no such incident.
    pub(in crate::alerts) fn silence(
        &mut self,
        id: u64,
        until_ms: u64,
        now_ms: u64,
    ) -> Option<Incident> {
        let kept = self.all.get_mut(&id)?;
        if kept.is_open() {
            kept.silent_until_ms = until_ms;
            kept.incident.silenced = until_ms > now_ms;
            let left = shared::units::span(until_ms.saturating_sub(now_ms) / 1000);
            let text = format!("It is told to nobody for {left}.");
            kept.step(StepKind::Silenced, text, now_ms, None);
        }
        Some(kept.incident.clone())
    }
}
