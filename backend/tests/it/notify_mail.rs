//! E-mail, to a real server (aiosmtpd) that reads it with Python's own parser.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headroom::tls;
use serde_json::{Value, json};
use shared::alert::StepKind;

use crate::notify::{HOSTILE, Place, message, status, until, with_timeline};
use crate::peers::peers;
use crate::support::{FakeProc, Server, say};

const ENOUGH: Duration = Duration::from_secs(5);
const VERSION: &str = "1.4.6";
const PASSWORD: &str = "correct horse battery";

/// `python3 -c SERVER DIR CERT KEY`. Prints its port; writes each mail as it reads it to `DIR/N.json`. What
/// stands in `DIR/answer` is its next answer to a mail, in place of yes.
const SERVER: &str = r"
import asyncio, email, email.policy, json, os, ssl, sys
from aiosmtpd.smtp import AuthResult, SMTP
place, cert, key = sys.argv[1:4]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)
count = 0
class Handler:
    async def handle_DATA(self, server, session, envelope):
        global count
        try:
            with open(place + '/answer') as file: answer = file.read()
            os.remove(place + '/answer')
            return answer
        except FileNotFoundError: pass
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = []
        for part in mail.walk():
            if part.is_multipart(): continue
            body = part.get_payload(decode=True)
            parts.append({'type': part.get_content_type(), 'name': part.get_filename(),
                          'disposition': part.get_content_disposition(), 'size': len(body),
                          'start': body[:8].hex(),
                          'text': part.get_content() if part.get_content_maintype() == 'text' else None})
        out = {'from': envelope.mail_from, 'to': envelope.rcpt_tos, 'tls': session.ssl is not None,
               'user': session.auth_data.login.decode() if session.auth_data else None,
               'headers': [[name, str(value)] for name, value in mail.items()],
               'defects': [str(d) for d in mail.defects], 'parts': parts}
        with open(f'{place}/new', 'w') as file: json.dump(out, file)
        os.rename(f'{place}/new', f'{place}/{count}.json')
        count += 1
        return '250 taken'
def authenticate(server, session, envelope, mechanism, data):
    good = data.login == b'pi' and data.password == b'correct horse battery'
    return AuthResult(success=good, handled=good, auth_data=data)
def mail_server():
    return SMTP(Handler(), hostname='localhost', tls_context=context, require_starttls=True,
                auth_required=True, authenticator=authenticate)
async def main():
    server = await asyncio.get_running_loop().create_server(mail_server, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)
asyncio.run(main())
";

struct MailServer {
    child: Child,
    port: u16,
}

impl MailServer {
    /// `None` if there is none to start.
    fn start(place: &Place) -> Option<Self> {
        let home = peers().join(format!("aiosmtpd-{VERSION}"));
        if !home.is_dir() {
            say(format_args!("NOT RUN: there is no aiosmtpd in {}", home.display()));
            return None;
        }
        let path = |name: &str| place.path(name);
        tls::of_head(&path("tls"), None, &["localhost".into()]).unwrap();
        fs::create_dir(path("mail")).unwrap();
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", home).args(["-W", "ignore", "-c", SERVER]);
        command.args([path("mail"), path("tls/cert.pem"), path("tls/key.pem")]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Some(Self { child, port: line.trim().parse().unwrap() })
    }

    fn keys(&self, place: &Place, password: &str) -> String {
        let password = place.secret("password", password);
        let ca_file = place.path("tls/cert.pem");
        format!(
            "server = \"localhost\"\nport = {}\nca_file = \"{}\"\nuser = \"pi\"\n\
             password_file = \"{password}\"\nfrom = \"Headroom <head@pi.example>\"\n\
             to = [\"me@home.example\", \"Ü <you@home.example>\"]\ntimeout = \"5s\"",
            self.port,
            ca_file.display()
        )
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn mail(place: &Place, number: u32) -> Option<Value> {
    let text = fs::read(place.path(&format!("mail/{number}.json"))).ok()?;
    Some(serde_json::from_slice(&text).unwrap())
}

fn headers<'a>(mail: &'a Value, name: &str) -> Vec<&'a str> {
    let all = mail["headers"].as_array().unwrap();
    let of_name = all.iter().filter(|pair| pair[0].as_str().unwrap().eq_ignore_ascii_case(name));
    of_name.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[test]
fn mail_is_signed_in_for_protected_in_one_thread_and_has_a_picture() {
    let mut place = Place::new();
    let Some(server) = MailServer::start(&place) else { return };
    place.channel("post", "email", &server.keys(&place, PASSWORD));
    // Full for a moment: told again, and once.
    fs::write(place.path("mail/answer"), "452 4.2.2 mailbox full for now").unwrap();
    place.run_to(ENOUGH, async |notifier| {
        let mut first = with_timeline(message(17, 0, StepKind::Opened));
        first.incident.title = format!("3.1 % available ü {HOSTILE}");
        notifier.send(first).await;
        until("it says why", || status(notifier, "post").0.contains("mailbox full")).await;
        until("the beginning is told", || mail(&place, 0).is_some()).await;
        for (number, kind) in [(1, StepKind::Worse), (2, StepKind::Over)] {
            notifier.send(message(17, number, kind)).await;
        }
        notifier.send(message(18, 0, StepKind::Opened)).await;
        until("all is told", || status(notifier, "post").1 == 0).await;
        assert_eq!(status(notifier, "post").0, "");
    });
    let [first, worse, over, other] = [0, 1, 2, 3].map(|number| mail(&place, number).unwrap());
    assert!(mail(&place, 4).is_none(), "each is told once");
    for mail in [&first, &worse, &over, &other] {
        assert_eq!((&mail["tls"], &mail["user"]), (&json!(true), &json!("pi")));
        assert_eq!(mail["from"], "head@pi.example");
        assert_eq!(mail["to"], json!(["me@home.example", "you@home.example"]));
        assert_eq!(mail["defects"], json!([]));
        assert_eq!(headers(mail, "auto-submitted"), ["auto-generated"]);
        assert_eq!(headers(mail, "date").len(), 1);
    }
    // Nothing that a name holds is a header, or a line.
    assert_eq!(headers(&first, "bcc"), [] as [&str; 0]);
    let subject = headers(&first, "subject")[0];
    assert!(subject.starts_with("Trouble: pi-07: 3.1 % available ü @everyone"), "{subject}");
    let text = first["parts"][0]["text"].as_str().unwrap().replace("\r\n", "\n");
    assert!(!text.lines().any(|line| line.starts_with("Bcc")), "{text}");
    assert!(text.contains("step 0.\nMost memory: java 512 MiB, @everyone"), "{text}");
    assert!(text.trim_end().ends_with("http://head.local:8080/incidents/17"), "{text}");

    let picture = &first["parts"][1];
    assert_eq!((&picture["type"], &picture["name"]), (&json!("image/png"), &json!("timeline.png")));
    assert_eq!(
        (&picture["disposition"], &picture["start"]),
        (&json!("inline"), &json!("89504e470d0a1a0a"))
    );
    assert!(picture["size"].as_u64().unwrap() > 5000);
    assert_eq!(over["parts"].as_array().unwrap().len(), 1);

    let id = headers(&first, "message-id")[0];
    assert!(id.starts_with("<headroom-") && id.ends_with("-17-0@pi.example>"), "{id}");
    for later in [&worse, &over] {
        assert_eq!(
            (headers(later, "in-reply-to"), headers(later, "references")),
            (vec![id], vec![id])
        );
        assert_ne!(headers(later, "message-id")[0], id);
    }
    assert_eq!(headers(&other, "references"), [] as [&str; 0], "another incident, another thread");
}

#[test]
fn what_a_mail_server_refuses_is_told_apart() {
    let mut place = Place::new();
    let Some(server) = MailServer::start(&place) else { return };
    let keys = server.keys(&place, PASSWORD);
    place.channel("post", "email", &keys);
    place.channel("other", "email", &keys.replace("ca_file", "#ca_file"));
    fs::write(place.path("mail/answer"), "554 5.7.1 looks like spam").unwrap();
    place.run(async |notifier| {
        notifier.send(message(1, 0, StepKind::Opened)).await;
        until("it is dropped", || status(notifier, "post") != (String::new(), 1)).await;
        let (trouble, waiting) = status(notifier, "post");
        assert!(trouble.contains("dropped") && trouble.contains("looks like spam"), "{trouble}");
        assert_eq!(waiting, 0);
        until("a stranger is not trusted", || !status(notifier, "other").0.is_empty()).await;
        let (trouble, waiting) = status(notifier, "other");
        assert!(trouble.contains("certificate") && waiting == 1, "{trouble}");
        // The password changes, while all goes on.
        place.secret("password", "wrong horse battery");
        notifier.send(message(1, 1, StepKind::Over)).await;
        until("it is not let in", || {
            status(notifier, "post").1 == 1 && status(notifier, "post").0.contains("535")
        })
        .await;
        assert!(!status(notifier, "post").0.contains("horse"));
    });
    place.secret("password", PASSWORD);
    place.run_to(ENOUGH, async |notifier| {
        until("it is told then", || status(notifier, "post").1 == 0).await;
    });
    assert!(mail(&place, 0).is_some() && mail(&place, 1).is_none());
}

#[test]
fn what_is_served_with_a_certificate_of_ones_own_is_named() {
    let fake = FakeProc::new();
    let head = Server::start(&fake, &["--tls"]);
    let certificate = fake.path("data/cert.pem");
    let url = format!("url = \"https://localhost:{}/\"", head.address().port());
    let mut place = Place::new();
    place.channel("strange", "webhook", &url);
    place.channel("known", "webhook", &format!("{url}\nca_file = \"{}\"", certificate.display()));
    place.run(async |notifier| {
        notifier.send(message(1, 0, StepKind::Opened)).await;
        let says = |name: &str, what: &str| status(notifier, name).0.contains(what);
        until("a stranger is not trusted", || says("strange", "certificate")).await;
        // A head takes no webhooks, but it was reached.
        until("one that is known is", || says("known", "it answers 4")).await;
    });
}
