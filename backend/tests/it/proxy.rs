//! What lies between two ends of a TCP connection when it goes wrong.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Passes connections on to another address. It ends with the test.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What comes in is taken, and goes nowhere.
    swallows: AtomicBool,
    /// How late each byte comes out, in ms.
    delay_ms: AtomicU64,
    /// Both ends of every connection.
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on `listen`, in the network of the thread that calls, for connections to `target`.
    pub(crate) fn start(listen: SocketAddr, target: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind(listen).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        shared.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
        let passed = Arc::clone(&shared);
        thread::spawn(move || {
            for incoming in listener.incoming().map_while(Result::ok) {
                let Ok(outgoing) = TcpStream::connect(target) else { continue };
                pass(&incoming, &outgoing, &passed);
                pass(&outgoing, &incoming, &passed);
                passed.open.lock().unwrap().extend([incoming, outgoing]);
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it takes what comes in and passes nothing on, as a dead link does.
    pub(crate) fn swallow(&self, swallows: bool) {
        self.shared.swallows.store(swallows, Ordering::Relaxed);
    }

    /// How late each byte comes out, from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.shared.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// Ends every connection there is.
    pub(crate) fn cut(&self) {
        for end in self.shared.open.lock().unwrap().drain(..) {
            end.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

fn pass(from: &TcpStream, to: &TcpStream, shared: &Arc<Shared>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let (sender, late) = mpsc::channel::<(Instant, Vec<u8>)>();
    let delayed = Arc::clone(shared);
    thread::spawn(move || {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let delay = Duration::from_millis(delayed.delay_ms.load(Ordering::Relaxed));
            if sender.send((Instant::now() + delay, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for (at, bytes) in late {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if !shared.swallows.load(Ordering::Relaxed) && to.write_all(&bytes).is_err() {
                break;
            }
        }
        if !shared.swallows.load(Ordering::Relaxed) {
            to.shutdown(Shutdown::Both).ok();
        }
    });
}
