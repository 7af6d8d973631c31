//! Why a node cannot join a head.

use std::io;
use std::path::PathBuf;

/// Why a node cannot join a head as it was told to. The user can say it differently.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// No head.
    #[error(
        "no head is named: `sudo headroom setup --agent` asks for it and lets this node join; or say with \
         --head URL where it is, or with --discover that it is to be found"
    )]
    NoHead,
    /// Any head would do, which is how secrets get lost.
    #[error(
        "--discover finds whatever calls itself a head; say with --fingerprint SHA256 which certificate \
         the right one has, as it prints it when it starts"
    )]
    AnyHead,
    /// TLS, but no way to know whose.
    #[error(
        "say with --fingerprint SHA256 which certificate {0} has, as it prints it when it starts, so that \
         nobody else gets the token"
    )]
    NoFingerprint(String),
    /// The token would go over the network for all to read.
    #[error(
        "the token would go to {0} in the clear; use https:// with --fingerprint, or say --insecure-http \
         if that is meant"
    )]
    Plain(String),
    /// Too many labels.
    #[error("{0} labels are too many; a node has at most {most}", most = shared::overview::Label::MOST)]
    Labels(usize),
    /// No token.
    #[error(
        "say with --token-file FILE where this node's token is; `headroom token create NAME` on the head \
         makes one"
    )]
    NoToken,
    /// The token cannot be read.
    #[error("cannot read the token from {}", .path.display())]
    TokenFile {
        /// The file that was named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read the token.
    #[error(
        "others can read the token in {path} (mode {mode:o}); run `chmod 600 {path}`",
        path = .path.display()
    )]
    OpenToken {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no token.
    #[error("what was given is no token: {0}")]
    Token(String),
    /// The machine cannot be told from others.
    #[error("cannot read {}, which tells this machine from others; name another with --machine-id-file", .path.display())]
    MachineId {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
