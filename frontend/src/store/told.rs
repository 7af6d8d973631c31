//! What the head answers about jobs, incidents and rules. It is kept as it came: who shows it reads it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use leptos::prelude::*;
use shared::NodeId;
use shared::alert::Incident;
use shared::forecast::Forecast;
use shared::history::{Event, EventKind};
use shared::survey::Severity;
use shared::wire::value_from_postcard;

use super::Store;
use crate::access::{Answer, Call, Request, Topic};

/// See the module.
pub(super) struct Told {
    answers: RefCell<Vec<(Topic, Rc<Answer>)>>,
    came: RwSignal<()>,
    open: RefCell<Rc<Vec<Incident>>>,
    /// Whether the head has said which are.
    is_open_known: Cell<bool>,
    opened: RwSignal<()>,
}

impl Told {
    pub(super) fn new() -> Self {
        let signal = || RwSignal::new(());
        Self {
            answers: RefCell::default(),
            came: signal(),
            open: RefCell::default(),
            is_open_known: Cell::default(),
            opened: signal(),
        }
    }
}

impl Store {
    /// The newest answer about something. Who reads it follows all of them.
    pub(crate) fn told(self, topic: Topic) -> Option<Rc<Answer>> {
        self.0.told.came.track();
        let answers = self.0.told.answers.borrow();
        answers.iter().find(|(of, _)| *of == topic).map(|(_, answer)| answer.clone())
    }

    /// Forgets it: the next is about something else.
    pub(crate) fn forget_told(self, topic: Topic) {
        self.0.told.answers.borrow_mut().retain(|(of, _)| *of != topic);
        self.0.told.came.notify();
    }

    /// Asks for something.
    pub(crate) fn ask_for(self, topic: Topic, path: &str) {
        self.say(topic, "GET", path, None);
    }

    /// Asks for something, or to do something.
    pub(crate) fn say(self, topic: Topic, method: &'static str, path: &str, body: Option<String>) {
        let path = path.to_owned();
        self.0.desk.ask(Call::Tell(Request { topic, method, path, body }));
    }

    pub(super) fn take_told(self, topic: Topic, answer: Answer) {
        match (topic, &answer) {
            (Topic::Open, Ok(bytes)) => {
                let mut open: Vec<Incident> = value_from_postcard(bytes).unwrap_or_default();
                open.retain(|incident| incident.over_ms.is_none());
                let is_first = !self.0.told.is_open_known.replace(true);
                if is_first || **self.0.told.open.borrow() != open {
                    self.0.told.open.replace(Rc::new(open));
                    self.0.told.opened.notify();
                }
            }
            (Topic::Care, Ok(_)) => self.ask_incidents(),
            _ => {}
        }
        let mut answers = self.0.told.answers.borrow_mut();
        answers.retain(|(of, _)| *of != topic);
        answers.push((topic, Rc::new(answer)));
        drop(answers);
        self.0.told.came.notify();
    }

    /// Incidents that are open, newest first. Who reads them follows them.
    pub(crate) fn open_incidents(self) -> Rc<Vec<Incident>> {
        self.0.told.opened.track();
        self.0.told.open.borrow().clone()
    }

    /// Whether it is known which are open.
    pub(crate) fn knows_incidents(self) -> bool {
        self.0.told.is_open_known.get()
    }

    /// How bad the worst is that a node is part of; `None` if it is part of none that is open.
    pub(crate) fn harm_of(self, id: &NodeId) -> Option<Severity> {
        let open = self.0.told.open.borrow();
        let of_node = open.iter().filter(|incident| incident.nodes.contains(id));
        of_node.map(|incident| incident.severity).min()
    }

    /// Asks which incidents are open.
    pub(crate) fn ask_incidents(self) {
        self.ask_for(Topic::Open, "/api/v1/incidents?open=true&limit=100");
    }

    /// News may be of incidents.
    pub(super) fn hear_of_incidents(self, news: &[Event]) {
        let is_of =
            |event: &Event| matches!(event.kind, EventKind::Incident | EventKind::IncidentOver);
        if news.iter().any(is_of) {
            self.ask_incidents();
        }
    }

    /// What is foreseen of a node now; nothing of the past.
    pub(crate) fn forecast(self, number: u32) -> Option<Forecast> {
        if self.is_past() { None } else { self.0.fleet.borrow().forecast(number).cloned() }
    }
}
