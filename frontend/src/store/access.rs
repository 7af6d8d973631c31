//! Who may do what here, and what is asked of the head beside its feed.

use std::cell::{Cell, RefCell};

use leptos::prelude::*;

use super::Store;
use crate::access::{Call, Lines, Reply, Session, Token};

/// Requests, and what came of them.
pub(crate) struct Desk {
    calls: RefCell<Vec<Call>>,
    called: RwSignal<()>,
    session: RefCell<Option<Session>>,
    /// Why signing in failed.
    refusal: RefCell<String>,
    tokens: RefCell<Vec<Token>>,
    /// The line that joins a node, or why there is none.
    lines: RefCell<Option<Result<Lines, String>>>,
    answered: RwSignal<()>,
    /// Whether the user asks to sign in, though reading needs no session.
    wants_in: Cell<bool>,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            calls: RefCell::default(),
            called: RwSignal::new(()),
            session: RefCell::default(),
            refusal: RefCell::default(),
            tokens: RefCell::default(),
            lines: RefCell::default(),
            answered: RwSignal::new(()),
            wants_in: Cell::new(false),
        }
    }

    /// Asks the head.
    pub(crate) fn ask(&self, call: Call) {
        self.calls.borrow_mut().push(call);
        self.called.notify();
    }

    /// Asks the head who this is, and what may be done.
    pub(super) fn ask_who(&self) {
        self.ask(Call::Session);
    }

    /// Calls that wait to be made.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        self.called.track();
        self.calls.take()
    }

    /// Whether the head has said that this browser may not read.
    pub(super) fn is_locked_out(&self) -> bool {
        self.session.borrow().as_ref().is_some_and(|session| !session.may_read)
    }

    /// Whether there is to be a way to sign in.
    pub(super) fn wants_in(&self) -> bool {
        self.wants_in.get()
    }

    /// What may be done here, if the head has said it.
    pub(crate) fn session(&self) -> Option<Session> {
        self.answered.track();
        self.session.borrow().clone()
    }

    /// Why signing in failed; nothing if it did not.
    pub(crate) fn refusal(&self) -> String {
        self.answered.track();
        self.refusal.borrow().clone()
    }

    /// Tokens of nodes.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.answered.track();
        self.tokens.borrow().clone()
    }

    /// The lines that join a node, or why there are none; `None` before they were asked for.
    pub(crate) fn lines(&self) -> Option<Result<Lines, String>> {
        self.answered.track();
        self.lines.borrow().clone()
    }

    /// Forgets the lines: they hold a secret.
    pub(crate) fn forget_lines(&self) {
        self.lines.replace(None);
        self.answered.notify();
    }
}

impl Store {
    /// Requests beside the feed.
    pub(crate) fn desk(self) -> &'static Desk {
        &self.0.desk
    }

    /// Whether the page may follow the feed, as far as it is known.
    pub(crate) fn may_read(self) -> bool {
        !self.0.desk.is_locked_out()
    }

    /// Shows a way to sign in, to those who may read without.
    pub(crate) fn sign_in(self) {
        self.0.desk.wants_in.set(true);
        self.settle();
    }

    /// Takes in what the head answered.
    pub(crate) fn answer(self, reply: Reply) {
        let desk = &self.0.desk;
        match reply {
            Reply::Told(topic, answer) => return self.take_told(topic, answer),
            Reply::Session(session) => {
                // A head that does not answer has taken nothing back.
                if session.is_some() {
                    desk.session.replace(session);
                }
            }
            Reply::SignedIn(result) => {
                desk.wants_in.set(desk.wants_in.get() && result.is_err());
                desk.refusal.replace(result.err().unwrap_or_default());
                desk.ask_who();
            }
            Reply::Tokens(result) => {
                desk.tokens.replace(result.unwrap_or_default());
            }
            Reply::Created(result) => {
                desk.lines.replace(Some(result));
                desk.ask(Call::Tokens);
            }
            Reply::Revoked(result) => {
                if let Err(why) = result {
                    desk.lines.replace(Some(Err(why)));
                }
                desk.ask(Call::Tokens);
            }
        }
        desk.answered.notify();
        self.settle();
    }
}
