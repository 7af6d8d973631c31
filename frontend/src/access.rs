//! Who may do what here, as the head says.

/// What may be done here. Before the head has said it, anything may be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each answers a question of its own")]
pub struct Session {
    /// Read the cluster.
    pub may_read: bool,
    /// Change something: tokens.
    pub may_write: bool,
    /// Whether there is a password to sign in with.
    pub has_password: bool,
    /// Whether others may listen on the way to the head.
    pub is_plain: bool,
}

/// A token by which one node may report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The node's name.
    pub name: String,
    /// When it was made, in ms since 1970.
    pub created_ms: u64,
    /// Whether a machine uses it.
    pub is_bound: bool,
}

/// What is asked of the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// What may be done here.
    Session,
    /// Let in whoever knows this password.
    SignIn(String),
    /// Which tokens there are.
    Tokens,
    /// Make a token for a node of this name.
    Create(String),
    /// Take the token of this name back.
    Revoke(String),
    /// Something about jobs, incidents or rules.
    Tell(Request),
}

/// What a request is about. Each has the newest answer kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Incidents that are open.
    Open,
    /// All incidents, newest first.
    Incidents,
    /// Rules and channels.
    Alerts,
    /// Whether a channel takes messages.
    Test,
    /// Where a job fits.
    Fit,
    /// The same for other programs.
    Hosts,
    /// What is held.
    Holds,
    /// Hold, or release.
    Hold,
    /// Acknowledge an incident, or silence it.
    Care,
}

/// A request to the head, as it stands in HTTP. Answers are postcard where there is a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What it is about.
    pub topic: Topic,
    /// `GET`, or what changes something.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// JSON.
    pub body: Option<String>,
}

/// What the head answered: bytes, or its status, 0 if there is no answer, and why not in a sentence.
pub type Answer = Result<Vec<u8>, (u16, String)>;

/// What to run on a node so that it joins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Where the package is installed.
    pub setup: String,
    /// With the program alone.
    pub agent: String,
}

/// What came of it. Errors are sentences for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Call::Session`]; nothing if the head does not say.
    Session(Option<Session>),
    /// To [`Call::SignIn`].
    SignedIn(Result<(), String>),
    /// To [`Call::Tokens`].
    Tokens(Result<Vec<Token>, String>),
    /// To [`Call::Create`].
    Created(Result<Lines, String>),
    /// To [`Call::Revoke`].
    Revoked(Result<(), String>),
    /// To [`Call::Tell`].
    Told(Topic, Answer),
}
