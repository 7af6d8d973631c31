//! A receiver of webhooks: takes messages over HTTP, or fails to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

/// See the module. It ends with the test.
pub(crate) struct Receiver {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicBool>,
}

impl Receiver {
    /// One that takes everything, or that answers 500 to everything.
    pub(crate) fn start(works: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            taken: Arc::default(),
            asked: Arc::default(),
        };
        let (taken, asked) = (Arc::clone(&receiver.taken), Arc::clone(&receiver.asked));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // One that asks for nothing is no message.
                let Some(message) = message(&stream) else { continue };
                asked.store(true, Ordering::Relaxed);
                let status = if works { "200 OK" } else { "500 Internal Server Error" };
                if works {
                    taken.lock().unwrap().push(message);
                }
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                (&stream).write_all(answer.as_bytes()).ok();
            }
        });
        receiver
    }

    /// Where it takes them.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// Whether anybody came.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

fn message(stream: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
