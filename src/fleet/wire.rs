//! One kept connection to a server: requests out, answers in, nothing shared and nothing pooled.
//!
//! For load: what it costs must be little beside what the server does.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is taken.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A connection.
pub struct Wire {
    reader: BufReader<TcpStream>,
    head: Vec<u8>,
    line: String,
    answer: Vec<u8>,
}

impl Wire {
    /// Connects.
    pub fn connect(address: SocketAddr) -> io::Result<Wire> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Wire {
            reader: BufReader::new(stream),
            head: Vec::new(),
            line: String::new(),
            answer: Vec::new(),
        })
    }

    /// Posts a body and waits for the answer: its status and text.
    pub fn post(&mut self, path: &str, kind: &str, body: &[u8]) -> io::Result<(u16, &[u8])> {
        let length = body.len();
        self.send(format_args!("POST {path} HTTP/1.1\r\nHost: load\r\nContent-Type: {kind}\r\nContent-Length: {length}"), body)
    }

    /// Asks for a path.
    pub fn get(&mut self, path: &str) -> io::Result<(u16, &[u8])> {
        self.send(format_args!("GET {path} HTTP/1.1\r\nHost: load"), b"")
    }

    fn send(&mut self, head: std::fmt::Arguments<'_>, body: &[u8]) -> io::Result<(u16, &[u8])> {
        self.head.clear();
        write!(self.head, "{head}\r\n\r\n")?;
        // A small body goes with its head.
        if body.len() <= 64 << 10 {
            self.head.extend_from_slice(body);
            self.reader.get_mut().write_all(&self.head)?;
        } else {
            self.reader.get_mut().write_all(&self.head)?;
            self.reader.get_mut().write_all(body)?;
        }
        self.receive()
    }

    fn receive(&mut self) -> io::Result<(u16, &[u8])> {
        self.next_line()?;
        let status = self
            .line
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok());
        let status =
            status.ok_or_else(|| io::Error::other(format!("no HTTP answer: {:?}", self.line)))?;
        let mut length = 0usize;
        let mut chunked = false;
        loop {
            self.next_line()?;
            if self.line.is_empty() {
                break;
            }
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            } else if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("transfer-encoding")
            {
                chunked = value.trim().eq_ignore_ascii_case("chunked");
            }
        }
        if length > ANSWER_BYTES_MAX {
            return Err(io::Error::other(format!("an answer of {length} bytes")));
        }
        self.answer.resize(length, 0);
        self.reader.read_exact(&mut self.answer)?;
        if chunked {
            self.read_chunks()?;
        }
        Ok((status, &self.answer))
    }

    fn read_chunks(&mut self) -> io::Result<()> {
        loop {
            self.next_line()?;
            let digits = self.line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(io::Error::other)?;
            let start = self.answer.len();
            if start + length > ANSWER_BYTES_MAX {
                return Err(io::Error::other("an answer without end"));
            }
            self.answer.resize(start + length, 0);
            self.reader.read_exact(&mut self.answer[start..])?;
            self.next_line()?;
            if length == 0 {
                return Ok(());
            }
        }
    }

    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        if self.reader.read_line(&mut self.line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}
