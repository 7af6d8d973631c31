//! How current that is what is shown.

use leptos::prelude::*;
use shared::overview::Standing;

use super::{Shown, Store};
use crate::fleet::row::Row;
use crate::status::{Kind, Link, Numbers, Status, Subject};

impl Store {
    /// How current the numbers are that are shown.
    pub(crate) fn status(self) -> Status {
        self.0.turned.track();
        let now_ms = self.beat();
        let (link, frozen) = (self.0.link.borrow(), self.0.frozen.get());
        let fleet = self.0.fleet.borrow();
        let head_ms = self.head_ms();
        let is_past = self.is_past() && *link == Link::Live;
        let of = |subject: &Subject<'_>| Status::of(&link, frozen, subject, now_ms);
        let id = match &*self.0.shown.borrow() {
            Shown::Node(id) => id.clone(),
            Shown::Door => {
                let (words, detail) = ("sign in", String::new());
                return Status { kind: Kind::Waiting, words, detail };
            }
            Shown::Skeleton if *link == Link::Live => return of(&Subject::Node(None)),
            _ if is_past => return Status::past(String::new()),
            _ => return of(&Subject::Nodes(fleet.rows().len())),
        };
        if is_past {
            let told = self.node(&id).is_some_and(|node| node.read_untracked().taken_ms != 0);
            return Status::past(if told || self.is_behind() {
                String::new()
            } else {
                [
                    self.row_of(&id).as_ref().map_or(id.as_str(), Row::name),
                    " gave no readings then.",
                ]
                .concat()
            });
        }
        let Some(row) = self.row_of(&id) else {
            return of(&Subject::Node(None));
        };
        let (condition, since_ms) = row.condition(head_ms);
        let open = self.node(&id);
        let readout = open.as_ref().map(|node| node.read_untracked());
        let taken_ms = row.brief.map(|brief| brief.at_ms);
        let why = match &row.standing {
            Standing::Refused { why, .. } => why.trim_end_matches('.'),
            _ => "",
        };
        of(&Subject::Node(Some(Numbers {
            condition,
            since_ms: head_ms.saturating_sub(since_ms),
            age_ms: taken_ms.map(|taken_ms| head_ms.saturating_sub(taken_ms)),
            trouble: readout.as_ref().and_then(|readout| readout.trouble.as_deref()),
            why,
        })))
    }
}
