//! Messages between processes: a kind, a length and so many bytes, little-endian.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::ops::Range;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::measure::Measured;
use super::super::step::{Sum, Sums};
use super::lost;
use crate::error::{PflowError, Result};
use crate::network::loss::Terms;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// nothing but that the sender lives
    Alive,
    Hello,
    Welcome,
    Step,
    Sums,
    Measure,
    Measured,
    Done,
    Failed,
}

const KINDS: [Kind; 9] = [
    Kind::Alive,
    Kind::Hello,
    Kind::Welcome,
    Kind::Step,
    Kind::Sums,
    Kind::Measure,
    Kind::Measured,
    Kind::Done,
    Kind::Failed,
];

/// A message that came.
pub(super) struct Message {
    pub kind: Kind,
    pub body: Vec<u8>,
    from: String,
}

impl Message {
    /// The error that a message of failure tells.
    pub fn failure(&self) -> PflowError {
        lost(&self.from, format!("ended the training: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// The sending end of a connection. A thread tells the other end that this one lives, for as long as it does.
pub(super) struct Line {
    name: String,
    stream: Arc<Mutex<TcpStream>>,
    timeout: Duration,
    most: u64,
    _pulse: Sender<()>,
}

/// The receiving end of a connection.
pub(super) struct Ear {
    name: String,
    stream: TcpStream,
    timeout: Duration,
    most: u64,
}

impl Line {
    /// Over a connection with whom errors call `name`; messages are at most `most` bytes long.
    pub fn new(stream: TcpStream, name: &str, timeout: Duration, most: u64) -> Result<Self> {
        let own = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(timeout)))
            .and_then(|()| stream.set_write_timeout(Some(timeout)))
            .map(|()| Arc::new(Mutex::new(stream)))
            .map_err(|error| lost(name, error.to_string()))?;
        let (pulse, ended) = channel::<()>();
        let beating = Arc::clone(&own);
        std::thread::spawn(move || {
            while ended.recv_timeout(timeout / 4) == Err(RecvTimeoutError::Timeout) {
                // a stream in use says enough
                let sent = match beating.try_lock() {
                    Ok(mut stream) => write(&mut stream, Kind::Alive, &[]),
                    Err(_) => Ok(()),
                };
                if sent.is_err() {
                    break;
                }
            }
        });
        Ok(Self { name: name.into(), stream: own, timeout, most, _pulse: pulse })
    }

    /// The same connection under another name and with longer messages.
    pub fn named(mut self, name: String, most: u64) -> Self {
        (self.name, self.most) = (name, most);
        self
    }

    /// The receiving end.
    pub fn ear(&self) -> Result<Ear> {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner).try_clone();
        let stream = stream.map_err(|error| lost(&self.name, error.to_string()))?;
        Ok(Ear { name: self.name.clone(), stream, timeout: self.timeout, most: self.most })
    }

    /// Sends a message of these pieces.
    pub fn send(&self, kind: Kind, pieces: &[&[u8]]) -> Result<()> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut stream, kind, pieces).map_err(|error| lost(&self.name, reason(&error, self.timeout)))
    }

    /// Says why nothing more will come; whether that arrives no longer matters.
    pub fn fail(&self, reason: &str) {
        let _ = self.send(Kind::Failed, &[reason.as_bytes()]);
    }

    /// The error of a message that makes no sense.
    pub fn garbled(&self) -> PflowError {
        lost(&self.name, "sent something else than was asked for")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // what was sent still arrives
        let _ = stream.shutdown(Shutdown::Write);
    }
}

impl Ear {
    /// Waits for the next message; `stop` is asked whenever the other end shows that it lives.
    pub fn next(&mut self, stop: &dyn Fn() -> bool) -> Result<Message> {
        loop {
            let message = self.read().map_err(|error| lost(&self.name, reason(&error, self.timeout)))?;
            if message.kind != Kind::Alive {
                return Ok(message);
            }
            if stop() {
                return Err(lost("this process", "was stopped"));
            }
        }
    }

    fn read(&mut self) -> io::Result<Message> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u64::from_le_bytes(length);
        let kind = KINDS.get(usize::from(kind)).filter(|_| length <= self.most);
        let kind = *kind.ok_or_else(|| io::Error::other("sent something that is no message of a training"))?;
        let mut body = Vec::new();
        (&mut self.stream).take(length).read_to_end(&mut body)?;
        match body.len() as u64 == length {
            true => Ok(Message { kind, body, from: self.name.clone() }),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn write(stream: &mut TcpStream, kind: Kind, pieces: &[&[u8]]) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut head = vec![kind as u8];
    head.extend((length as u64).to_le_bytes());
    stream.write_all(&head)?;
    pieces.iter().try_for_each(|piece| stream.write_all(piece))
}

fn reason(error: &io::Error, timeout: Duration) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => format!("is lost: it said nothing for {timeout:?}"),
        io::ErrorKind::UnexpectedEof => "is lost: it ended or was killed".into(),
        _ => format!("is lost: {error}"),
    }
}

/// Appends numbers.
pub(super) fn put(body: &mut Vec<u8>, values: &[f32]) {
    let start = body.len();
    body.resize(start + 4 * values.len(), 0);
    let places = body.get_mut(start..).unwrap_or_default();
    for (place, value) in places.chunks_exact_mut(4).zip(values) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

/// Numbers as bytes.
pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    let mut body = Vec::new();
    put(&mut body, values);
    body
}

/// The reverse of [`bytes`]; false if there are more or fewer.
pub(super) fn floats(body: &[u8], values: &mut [f32]) -> bool {
    let (words, rest) = body.as_chunks::<4>();
    let fits = rest.is_empty() && words.len() == values.len();
    if fits {
        values.iter_mut().zip(words).for_each(|(value, word)| *value = f32::from_le_bytes(*word));
    }
    fits
}

/// Takes numbers off the front of a message.
struct Front<'a>(&'a [u8]);

impl<'a> Front<'a> {
    fn word(&mut self) -> Option<[u8; 8]> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(*word)
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.word()?)).ok()
    }

    fn number(&mut self) -> Option<f64> {
        self.word().map(f64::from_le_bytes)
    }

    fn terms(&mut self) -> Option<Terms> {
        let mut terms = Terms::default();
        for term in &mut terms {
            *term = self.number()?;
        }
        Some(terms)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }
}

/// Processor seconds so far, and sums of ranges of parts.
pub(super) fn of_sums(seconds: f64, sums: &[(Range<usize>, Sum)]) -> Vec<u8> {
    let mut body = seconds.to_le_bytes().to_vec();
    for (range, sum) in sums {
        for number in [range.start, range.end, sum.gradient.len()] {
            body.extend((number as u64).to_le_bytes());
        }
        sum.terms.iter().for_each(|term| body.extend(term.to_le_bytes()));
        put(&mut body, &sum.gradient);
    }
    body
}

/// The reverse of [`of_sums`].
pub(super) fn sums(body: &[u8]) -> Option<(f64, Sums)> {
    let mut front = Front(body);
    let seconds = front.number()?;
    let mut all = Vec::new();
    while !front.0.is_empty() {
        let range = front.count()?..front.count()?;
        let count = front.count()?;
        let terms = front.terms()?;
        let own = front.bytes(count.checked_mul(4)?)?;
        let mut gradient = vec![0.0; count];
        floats(own, &mut gradient);
        all.push((range, Sum { gradient, terms }));
    }
    Some((seconds, all))
}

/// Losses of parts of the validation events.
pub(super) fn of_measured(parts: &[Measured]) -> Vec<u8> {
    let mut body = Vec::new();
    for (terms, right) in parts {
        terms.iter().for_each(|term| body.extend(term.to_le_bytes()));
        body.extend(right.to_le_bytes());
    }
    body
}

/// The reverse of [`of_measured`].
pub(super) fn measured(body: &[u8]) -> Option<Vec<Measured>> {
    let mut front = Front(body);
    let mut all = Vec::new();
    while !front.0.is_empty() {
        all.push((front.terms()?, u64::from_le_bytes(front.word()?)));
    }
    Some(all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back() {
        let mut sum = Sum { gradient: vec![1.5, f32::MIN_POSITIVE, -0.0], ..Sum::default() };
        sum.terms[0] = 0.1;
        let all = vec![(3..4, sum.clone()), (4..6, sum)];
        let body = of_sums(2.5, &all);
        assert_eq!(sums(&body), Some((2.5, all)));
        assert!((1..body.len()).filter(|cut| sums(&body[..*cut]).is_some()).count() <= 2, "cut messages are refused");
        let mut ones = Terms::default();
        ones.fill(1.0);
        let parts = vec![(Terms::default(), 7), (ones, 9)];
        assert_eq!(measured(&of_measured(&parts)), Some(parts));
        let mut values = [0.0; 2];
        assert!(floats(&bytes(&[1.0, 2.0]), &mut values) && values == [1.0, 2.0]);
        assert!(!floats(&bytes(&[1.0]), &mut values) && !floats(&[0; 9], &mut values));
    }
}
