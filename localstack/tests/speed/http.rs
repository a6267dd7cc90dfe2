//! As much of HTTP/1.1 as a server needs that costs next to nothing: what is measured is who asks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Answers whoever comes to a port of its own, each connection in a thread; gives its address, `http://127.0.0.1:4711`.
pub fn serve(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut connection = Connection::new(stream);
                while let Some(request) = connection.read() {
                    let Answer { status, headers, body } = answer(&request);
                    if connection.answer(status, headers, &body).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// What a request is answered.
pub struct Answer {
    pub status: u16,
    /// Each with `\r\n` behind it.
    pub headers: &'static str,
    pub body: Vec<u8>,
}

/// One request.
pub struct Request {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }
}

/// A connection that a client keeps open.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("it is connected");
        Self { stream: BufReader::with_capacity(64 * 1024, stream) }
    }

    /// The socket, to be waited for.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// The next request; none when the client has gone.
    pub fn read(&mut self) -> Option<Request> {
        let line = self.line()?;
        let mut words = line.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Request { method, path, headers, body: Vec::new() };
        request.body = if request.header("transfer-encoding") == "chunked" {
            self.chunks()?
        } else {
            self.bytes(request.header("content-length").parse().unwrap_or(0))?
        };
        Some(request)
    }

    /// Answers the request that was read last.
    pub fn answer(&mut self, status: u16, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("HTTP/1.1 {status} OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        // In one piece, or the client is woken twice.
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let length = self.stream.read_line(&mut line).ok()?;
        (length > 0).then(|| line.trim_end().to_owned())
    }

    fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let length = usize::from_str_radix(self.line()?.split(';').next()?, 16).ok()?;
            all.extend(self.bytes(length)?);
            self.line()?;
            if length == 0 {
                return Some(all);
            }
        }
    }
}
