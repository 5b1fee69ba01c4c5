//! Training by several processes, on one machine or many.
//!
//! Process 0 leads: it keeps the weights, the memory of the optimiser, the history and the checkpoints. In every step it
//! sends weights to the others, all compute the gradients of their share of the parts, and process 0 completes the sum in
//! the order in which one process alone would have summed: the bits are the same for any number of processes (of the
//! same kind of processor). Validation events are shared alike. The others keep nothing, so that a checkpoint goes on
//! with any number of processes.

mod place;
mod wire;

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::ops::Range;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::measure::{self, Measured};
use super::step::{Steps, Sums, cover};
use super::{CpuClock, Samples};
use crate::error::{PflowError, Result};
use crate::network::model::Model;
pub use place::{GroupConfig, Launcher, Place};
use wire::{Kind, Line, Message};

/// What all processes must agree on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hello {
    program: String,
    size: usize,
    rank: usize,
    settings: u64,
    events: u64,
}

/// Changes whenever messages do.
const PROGRAM: &str = concat!("recoil pflow train ", env!("CARGO_PKG_VERSION"), ", messages 1");
/// Pause between attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest first message.
const SHORT: u64 = 4096;

impl Hello {
    /// What a process with these settings and events says of itself.
    pub fn new(place: &Place, model: &Model, steps: &Steps<'_>, validation: &Samples) -> Result<Self> {
        let device = steps.on.map(|device| device.device().name());
        let fault = |error: serde_json::Error| lost("this process", error.to_string());
        let described = (steps.config, &model.architecture, &model.shape, &model.inputs, steps.seed, device);
        let settings = serde_json::to_vec(&described).map_err(fault)?;
        // rows are scaled already
        let events = steps.training.fingerprint().rotate_left(1) ^ validation.fingerprint();
        let settings = super::data::fingerprint(&settings);
        Ok(Self { program: PROGRAM.into(), size: place.size, rank: place.rank, settings, events })
    }

    /// Why the other process cannot train with this one.
    fn differs(&self, other: &Self) -> Option<String> {
        if self.program != other.program {
            return Some(format!("runs '{}', process 0 '{}'", other.program, self.program));
        }
        if self.size != other.size {
            return Some(format!("counts {} processes, process 0 counts {}", other.size, self.size));
        }
        if other.rank == 0 || other.rank >= self.size {
            return Some(format!("has no place among {} processes", self.size));
        }
        if self.settings != other.settings {
            return Some("trains with other settings or another seed than process 0".into());
        }
        (self.events != other.events).then(|| "has other events than process 0".into())
    }
}

fn lost(process: impl Into<String>, reason: impl Into<String>) -> PflowError {
    PflowError::Group { process: process.into(), reason: reason.into() }
}

/// The parts of a process out of so many.
fn share(parts: usize, rank: usize, size: usize) -> Range<usize> {
    let at = |rank: usize| rank * parts / size.max(1);
    at(rank)..at(rank + 1)
}

struct Other {
    line: Line,
    inbox: Receiver<Result<Message>>,
}

/// The other processes, as process 0 sees them.
pub struct Others {
    size: usize,
    others: Vec<Other>,
    /// processor seconds of each
    seconds: Vec<f64>,
    is_done: bool,
}

impl Others {
    /// Waits for all other processes.
    pub(super) fn wait(place: &Place, hello: &Hello, most: u64, stop: &dyn Fn() -> bool) -> Result<Self> {
        let own = "process 0";
        let listener = TcpListener::bind(place.listen())
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .map_err(|error| lost(own, format!("cannot listen on {}: {error}", place.address)))?;
        let start = Instant::now();
        let mut lines: Vec<Option<Line>> = (1..place.size).map(|_| None).collect();
        let refuse_all = |lines: &[Option<Line>], reason: &str| {
            lines.iter().flatten().for_each(|line| line.fail(reason));
        };
        while lines.iter().any(Option::is_none) {
            if stop() {
                refuse_all(&lines, "process 0 was stopped");
                return Err(lost(own, "was stopped"));
            }
            if start.elapsed() > place.wait {
                let missing: Vec<String> =
                    (1..place.size).filter(|rank| lines[rank - 1].is_none()).map(|rank| rank.to_string()).collect();
                let reason = format!("process {} did not come within {:?}", missing.join(", "), place.wait);
                refuse_all(&lines, &reason);
                return Err(lost(own, reason));
            }
            let Ok((stream, from)) = listener.accept() else {
                std::thread::sleep(PAUSE);
                continue;
            };
            // whoever says something else is no process of ours
            let Some((line, other)) = greeted(stream, &format!("process at {from}"), place.timeout) else { continue };
            let name = format!("process {} at {from}", other.rank);
            let problem = hello.differs(&other).or_else(|| {
                lines[other.rank - 1].is_some().then(|| "is there already: two processes have the same rank".into())
            });
            if let Some(reason) = problem {
                line.fail(&format!("this {name} {reason}"));
                refuse_all(&lines, &format!("{name} {reason}"));
                return Err(lost(name, reason));
            }
            lines[other.rank - 1] = Some(line.named(name, most));
        }
        let mut others = Vec::new();
        for line in lines.into_iter().flatten() {
            line.send(Kind::Welcome, &[])?;
            let (sender, inbox) = channel();
            let mut ear = line.ear()?;
            // messages are read as they come, so that nobody waits for others before him
            std::thread::spawn(move || {
                loop {
                    let message = ear.next(&|| false);
                    let is_last = message.is_err();
                    if sender.send(message).is_err() || is_last {
                        break;
                    }
                }
            });
            others.push(Other { line, inbox });
        }
        let seconds = vec![0.0; others.len()];
        Ok(Self { size: place.size, others, seconds, is_done: false })
    }

    /// Processor seconds of the others.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds.iter().sum()
    }

    /// The parts of process 0.
    pub(super) fn own(&self, parts: usize) -> Range<usize> {
        share(parts, 0, self.size)
    }

    /// Tells the others to compute their share of a step.
    pub(super) fn ask_step(&self, step: u64, model: &Model) -> Result<()> {
        let weights = wire::bytes(model.weights.values());
        self.all(|line| line.send(Kind::Step, &[&step.to_le_bytes(), &weights]))
    }

    /// What the others computed.
    pub(super) fn sums(&mut self) -> Result<Sums> {
        let mut all = Vec::new();
        for (other, seconds) in self.others.iter().zip(&mut self.seconds) {
            let message = other.answer(Kind::Sums)?;
            let (spent, sums) = wire::sums(&message.body).ok_or_else(|| other.line.garbled())?;
            *seconds = spent;
            all.extend(sums);
        }
        Ok(all)
    }

    /// Tells the others to measure their share of the validation events.
    pub(super) fn ask_measure(&self, model: &Model) -> Result<()> {
        let weights = wire::bytes(model.weights.values());
        self.all(|line| line.send(Kind::Measure, &[&weights]))
    }

    /// What they measured, in the order of the parts.
    pub(super) fn measured(&self) -> Result<Vec<Measured>> {
        let mut all = Vec::new();
        for other in &self.others {
            let message = other.answer(Kind::Measured)?;
            all.extend(wire::measured(&message.body).ok_or_else(|| other.line.garbled())?);
        }
        Ok(all)
    }

    /// Tells the others that all is done.
    pub(super) fn done(&mut self) {
        self.is_done = true;
        for other in &self.others {
            // one that is lost now is not needed any more
            let _ = other.line.send(Kind::Done, &[]);
        }
    }

    /// Tells the others why the training ends.
    pub(super) fn fail(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.is_done, true) {
            self.others.iter().for_each(|other| other.line.fail(reason));
        }
    }

    fn all(&self, send: impl Fn(&Line) -> Result<()>) -> Result<()> {
        self.others.iter().try_for_each(|other| match send(&other.line) {
            Ok(()) => Ok(()),
            // it may have told the reason before it went
            Err(error) => Err(other.inbox.try_iter().find_map(told).unwrap_or(error)),
        })
    }
}

/// The reason that a process told for its end.
fn told(message: Result<Message>) -> Option<PflowError> {
    message.ok().filter(|message| message.kind == Kind::Failed).map(|message| message.failure())
}

impl Other {
    fn answer(&self, kind: Kind) -> Result<Message> {
        let message = self.inbox.recv().map_err(|_| self.line.garbled())??;
        match message.kind {
            Kind::Failed => Err(message.failure()),
            found if found == kind => Ok(message),
            _ => Err(self.line.garbled()),
        }
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        self.fail("process 0 ended before the training did");
    }
}

/// A connection whose other end said who it is.
fn greeted(stream: TcpStream, name: &str, timeout: Duration) -> Option<(Line, Hello)> {
    stream.set_nonblocking(false).ok()?;
    let line = Line::new(stream, name, timeout, SHORT).ok()?;
    let message = line.ear().ok()?.next(&|| false).ok()?;
    let hello = (message.kind == Kind::Hello).then(|| serde_json::from_slice(&message.body).ok());
    Some((line, hello??))
}

/// Works for process 0 until it says that all is done; gives the number of steps.
///
/// # Errors
/// What process 0 or this one says against it, a connection that is lost, or `stop`.
pub(super) fn serve(
    place: &Place,
    hello: &Hello,
    mut model: Model,
    steps: &Steps<'_>,
    validation: &Samples,
    clock: &CpuClock,
    stop: &dyn Fn() -> bool,
) -> Result<u64> {
    let most = longest(&model);
    let line = join(place, most, stop)?;
    let text = serde_json::to_vec(hello).map_err(|error| lost("this process", error.to_string()))?;
    line.send(Kind::Hello, &[&text])?;
    let mut ear = line.ear()?;
    let mut count = 0;
    loop {
        let message = match ear.next(stop) {
            Ok(message) => message,
            Err(error) => {
                line.fail(&format!("process {} of {}: {error}", place.rank, place.size));
                return Err(error);
            }
        };
        let answer = match message.kind {
            Kind::Welcome => continue,
            Kind::Done => return Ok(count),
            Kind::Failed => return Err(message.failure()),
            Kind::Step => work(place, &mut model, steps, &message, clock).map(|sums| (Kind::Sums, sums)),
            Kind::Measure => judge(place, &mut model, steps, validation, &message).map(|all| (Kind::Measured, all)),
            _ => Err(line.garbled()),
        };
        match answer {
            Ok((kind, body)) => line.send(kind, &[&body])?,
            Err(error) => {
                line.fail(&format!("process {} of {}: {error}", place.rank, place.size));
                return Err(error);
            }
        }
        count += u64::from(message.kind == Kind::Step);
    }
}

/// Longest message between processes that train this model.
pub(super) fn longest(model: &Model) -> u64 {
    (1 << 20) + 80 * 4 * model.weights.len() as u64
}

/// Connects with process 0, which may come later.
fn join(place: &Place, most: u64, stop: &dyn Fn() -> bool) -> Result<Line> {
    let name = format!("process 0 at {}", place.address);
    let start = Instant::now();
    loop {
        let reason = match place.address.to_socket_addrs() {
            Err(error) => error.to_string(),
            Ok(addresses) => {
                let mut last = "the name has no address".to_owned();
                for address in addresses {
                    match TcpStream::connect_timeout(&address, place.timeout) {
                        Ok(stream) => return Line::new(stream, &name, place.timeout, most),
                        Err(error) => last = error.to_string(),
                    }
                }
                last
            }
        };
        if stop() {
            return Err(lost("this process", "was stopped"));
        }
        if start.elapsed() > place.wait {
            return Err(lost(name, format!("cannot be reached within {:?}: {reason}", place.wait)));
        }
        std::thread::sleep(PAUSE);
    }
}

fn take_weights(model: &mut Model, body: &[u8]) -> Result<()> {
    let values = model.weights.values_mut();
    match wire::floats(body, values) {
        true => Ok(()),
        false => Err(lost("process 0", "sent weights of another network")),
    }
}

fn work(place: &Place, model: &mut Model, steps: &Steps<'_>, message: &Message, clock: &CpuClock) -> Result<Vec<u8>> {
    let Some((step, weights)) = message.body.split_first_chunk::<8>() else {
        return Err(lost("process 0", "sent a step without its number"));
    };
    take_weights(model, weights)?;
    let plan = steps.plan(model, u64::from_le_bytes(*step));
    let own = share(plan.all().len(), place.rank, place.size);
    let mut sums = Vec::new();
    for range in cover(plan.all(), &own) {
        sums.push((range.clone(), steps.sum(model, &plan, range)?));
    }
    let body = wire::of_sums(clock.seconds(), &sums);
    sums.into_iter().for_each(|(_, sum)| steps.give_back(sum));
    Ok(body)
}

fn judge(
    place: &Place,
    model: &mut Model,
    steps: &Steps<'_>,
    validation: &Samples,
    message: &Message,
) -> Result<Vec<u8>> {
    take_weights(model, &message.body)?;
    let own = share(measure::parts(validation), place.rank, place.size);
    Ok(wire::of_measured(&measure::measure_parts(model, validation, &steps.config.loss, steps.on, own)?))
}
