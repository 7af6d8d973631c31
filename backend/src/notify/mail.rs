//! E-mail: handed over by SMTP, with the timeline in it. Messages of one incident are one thread: all
//! later ones answer the first (RFC 5322 §3.6.4).

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{
    Certificate, CertificateStore, Tls, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

use super::http::Failure;
use super::keys::Keys;
use super::letter::Letter;
use super::words::clean;
use crate::config::{Email, EmailTls};
use crate::tls;

/// Characters of what a server says is wrong.
const MOST_SAID: usize = 200;
/// Who wrote it: so that no holiday reply comes back (RFC 3834 §5).
const BY_ITSELF: (&str, &str) = ("Auto-Submitted", "auto-generated");

pub(super) async fn tell(
    email: &Email,
    letter: &Letter,
    limit: Duration,
    keys: &mut Keys,
) -> Result<Option<i64>, Failure> {
    let message = message(email, letter)?;
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.server)
        .port(email.port())
        .timeout(Some(limit))
        .tls(protection(email).await?);
    if let (Some(user), Some(path)) = (&email.user, &email.password_file) {
        server = server.credentials(Credentials::new(user.clone(), keys.read(path)?));
    }
    match timeout(limit, server.build().send(message)).await {
        Ok(Ok(_)) => Ok(None),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_) => Err(Failure::again(format!("it gives no answer within {} s", limit.as_secs()))),
    }
}

/// How the connection is protected.
async fn protection(email: &Email) -> Result<Tls, Failure> {
    if email.tls == EmailTls::None {
        return Ok(Tls::None);
    }
    let (server, ca_file) = (email.server.clone(), email.ca_file.clone());
    let parameters = tokio::task::spawn_blocking(move || parameters(server, ca_file.as_deref()));
    let parameters = parameters.await.map_err(|_| Failure::again("it was broken off"))?;
    let parameters = parameters.map_err(Failure::slowly)?;
    Ok(if email.tls == EmailTls::Tls {
        Tls::Wrapper(parameters)
    } else {
        Tls::Required(parameters)
    })
}

fn parameters(server: String, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let builder = TlsParameters::builder(server).certificate_store(CertificateStore::None);
    let authorities = tls::authorities(ca_file)?;
    let authorities = authorities.into_iter().map(|one| Certificate::from_der(one.to_vec()));
    authorities
        .filter_map(Result::ok)
        .fold(builder, TlsParametersBuilder::add_root_certificate)
        .build()
        .map_err(|error| error.to_string())
}

fn message(email: &Email, letter: &Letter) -> Result<Message, Failure> {
    let domain = email.from.email.domain();
    let id = |key: &str| format!("<{key}@{domain}>");
    let mut builder = Message::builder()
        .from(email.from.clone())
        .subject(letter.words.title.clone())
        .message_id(Some(id(&letter.key)))
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str(BY_ITSELF.0),
            BY_ITSELF.1.to_owned(),
        ));
    for to in &email.to {
        builder = builder.to(to.clone());
    }
    if let Some(first) = letter.first_key.as_deref() {
        builder = builder.in_reply_to(id(first)).references(id(first));
    }
    let address = letter.url().map(|url| format!("\n\n{url}")).unwrap_or_default();
    let text = format!("{}{address}\n", letter.words.text);
    let built = match &letter.picture {
        None => builder.singlepart(SinglePart::plain(text)),
        Some(picture) => {
            let kind =
                ContentType::parse("image/png").map_err(|e| Failure::never(e.to_string()))?;
            let picture = Attachment::new_inline_with_name(
                format!("timeline-{}", letter.key),
                "timeline.png".into(),
            )
            .body(picture.clone(), kind);
            let parts = MultiPart::mixed().singlepart(SinglePart::plain(text));
            builder.multipart(parts.singlepart(picture))
        }
    };
    built.map_err(|error| Failure::never(error.to_string()))
}

/// What became of it (RFC 5321 §4.2, RFC 4954 §6).
fn failure(error: &smtp::Error) -> Failure {
    let mut why = error.to_string();
    if let Some(cause) = error.source() {
        let cause = cause.to_string();
        if !why.contains(&cause) {
            why = format!("{why}: {cause}");
        }
    }
    let why = clean(&why, MOST_SAID);
    if error.is_timeout() {
        return Failure::again("it gives no answer in time");
    }
    match error.status().map(u16::from) {
        // What is wrong with this message stays wrong.
        Some(550..=559) => Failure::never(why),
        // Who signs in, or how, can be mended.
        Some(500..=599) => Failure::slowly(why),
        None if error.is_tls() || error.is_client() => Failure::slowly(why),
        Some(_) | None => Failure::again(why),
    }
}
