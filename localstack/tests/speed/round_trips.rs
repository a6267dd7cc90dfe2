//! Stands between a function and PostgreSQL and counts how often the one waits for the other.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Listens at `address` in the place of a server.
pub struct RoundTrips {
    pub address: SocketAddr,
    count: Arc<AtomicU64>,
}

impl RoundTrips {
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(server).expect("the server is up");
                // Whatever the client sends after an answer, it sends for the next one.
                let is_answered = Arc::new(AtomicBool::new(true));
                let (counted, asked, answered) =
                    (Arc::clone(&counted), Arc::clone(&is_answered), is_answered);
                let (from_client, to_client) = both_ways(client);
                let (from_server, to_server) = both_ways(server);
                thread::spawn(move || {
                    hand_on(from_client, to_server, || {
                        if asked.swap(false, Ordering::SeqCst) {
                            counted.fetch_add(1, Ordering::SeqCst);
                        }
                    });
                });
                thread::spawn(move || {
                    hand_on(from_server, to_client, || answered.store(true, Ordering::SeqCst))
                });
            }
        });
        Self { address, count }
    }

    /// How many there were since the last time.
    pub fn take(&self) -> u64 {
        self.count.swap(0, Ordering::SeqCst)
    }
}

fn both_ways(stream: TcpStream) -> (TcpStream, TcpStream) {
    stream.set_nodelay(true).expect("it is connected");
    (stream.try_clone().expect("a socket can be shared"), stream)
}

fn hand_on(mut from: TcpStream, mut to: TcpStream, note: impl Fn()) {
    let mut buffer = [0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        note();
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The other direction notices by it.
    let _ = to.shutdown(Shutdown::Both);
}
