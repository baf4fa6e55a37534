//! A server over plain HTTP that only answers, in a process of its own, so that its work isn't counted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What this program is called with to be the server.
pub const ARGUMENT: &str = "--serve";

const OURS: (&str, &str) = ("application/json", r#"{"errors":[],"numSuccess":0,"numProtoSuccess":1000000}"#);
const OTLP: (&str, &str) = ("application/x-protobuf", "");

/// What a server has been sent.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub requests: u64,
    pub bytes: u64,
}

/// A server that runs until this is dropped.
pub struct Server {
    process: Child,
    port: u16,
}

impl Server {
    pub fn start() -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let mut port = String::new();
        let said = process.stdout.take().expect("it is piped");
        BufReader::new(said).read_line(&mut port).expect("it says its port");
        Server { process, port: port.trim().parse().expect("it is a port") }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn seen(&self) -> Seen {
        let asked = || -> io::Result<String> {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            stream.write_all(b"GET /seen HTTP/1.1\r\n\r\n")?;
            let mut answer = [0; 512];
            let read = stream.read(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
        };
        let answer = asked().expect("it answers");
        let mut numbers = answer.lines().last().into_iter().flat_map(|line| line.split(' '));
        let mut number = || numbers.next().and_then(|number| number.parse().ok()).expect("it says a number");
        Seen { requests: number(), bytes: number() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the server, for as long as whoever started it lives.
pub fn serve() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    println!("{}", listener.local_addr().expect("it has one").port());
    let seen: Arc<[AtomicU64; 2]> = Arc::default();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || answer(stream, &seen));
        }
    });
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

/// Answers one request after another, until there are no more.
fn answer(stream: TcpStream, [requests, bytes]: &[AtomicU64; 2]) -> Option<()> {
    let mut reader = BufReader::with_capacity(64 * 1024, stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let path = line.split(' ').nth(1)?.to_owned();
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink()).ok()?;
        let (kind, body) = match &*path {
            "/seen" => {
                let seen = [requests, bytes].map(|count| count.load(Ordering::Relaxed).to_string());
                ("text/plain", seen.join(" "))
            }
            path => {
                requests.fetch_add(1, Ordering::Relaxed);
                bytes.fetch_add(length, Ordering::Relaxed);
                let (kind, body) = if path.starts_with("/v1/") { OTLP } else { OURS };
                (kind, body.to_owned())
            }
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).ok()?;
    }
}
