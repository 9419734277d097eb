//! One connection of an HTTP client, kept open between requests.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Connection(BufReader<TcpStream>);

pub struct Answer {
    pub status: u32,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

impl Connection {
    pub fn open(port: u16) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        // A guard against hanging.
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
        Connection(BufReader::new(stream))
    }

    fn try_send(&mut self, path: &str) -> std::io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())
    }

    pub fn send(&mut self, path: &str) {
        self.try_send(path).expect("the request is sent");
    }

    /// The next answer, which must come with its length.
    pub fn answer(&mut self) -> Answer {
        self.try_answer().expect("an answer")
    }

    /// The next answer; an error when the connection ends before it.
    fn try_answer(&mut self) -> std::io::Result<Answer> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        let status = lines[0].split(' ').nth(1).and_then(|text| text.parse().ok());
        let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
        let mut answer = Answer {
            status: status.expect("a status"),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: String::new(),
        };
        let length = answer.header("Content-Length").parse().expect("a length");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body");
        answer.body = String::from_utf8(body).expect("text");
        Ok(answer)
    }

    pub fn ask(&mut self, path: &str) -> Answer {
        self.send(path);
        self.answer()
    }

    /// The same of a connection that may be closed at any time.
    pub fn try_ask(&mut self, path: &str) -> Option<Answer> {
        self.try_send(path).ok()?;
        self.try_answer().ok()
    }
}
