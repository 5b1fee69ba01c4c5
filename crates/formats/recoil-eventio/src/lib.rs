//! Reads and writes EventIO files, the format of CORSIKA/IACT and sim_telarray.
//!
//! A file is a sequence of objects: a header (type, version, identifier, length) and a content of values or of further
//! objects. Files are read front to back in bounded memory, plain or compressed with gzip or zstd; objects of unknown
//! types are passed over by their length, and a file that was cut off gives what is whole and an error with the place.
//!
//! * [`Reader`] gives the top-level objects with their content; [`Tree`] goes through all headers.
//! * [`simtel::SimtelReader`] gives the events of sim_telarray files with all that belongs to each.
//! * One module per kind of content decodes it: [`run`], [`camera`], [`monitor`], [`shower`], [`event`], [`samples`],
//!   [`image`], [`histogram`], [`photons`], [`corsika`].
//! * [`mod@write`] makes files.
//!
//! ```
//! use recoil_eventio::write::{Content, Writer};
//! use recoil_eventio::{Reader, kind};
//!
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("history.zst");
//! let mut line = Content::new();
//! line.i32(0).string("corsika < card");
//! let mut history = Content::new();
//! history.object(kind::HISTORY_COMMAND_LINE, 1, 0, &line);
//! let mut writer = Writer::create(&path)?;
//! writer.container(kind::HISTORY, 1, 0, &history)?;
//! writer.finish()?;
//!
//! let mut reader = Reader::open(&path)?;
//! while let Some(object) = reader.next_object()? {
//!     assert_eq!(object.header.to_string(), "History[70v1]");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// units stand in brackets, as in [m]
#![allow(rustdoc::broken_intra_doc_links)]

pub mod bytes;
pub mod camera;
pub mod corsika;
mod error;
pub mod event;
mod header;
pub mod histogram;
pub mod image;
pub mod kind;
pub mod monitor;
pub mod photons;
mod reader;
pub mod run;
pub mod samples;
pub mod shower;
pub mod simtel;
mod source;
mod tree;
pub mod write;

pub use error::{Decoded, Error, Fault, Result};
pub use header::Header;
pub use reader::{Object, Objects, Reader};
pub use source::Compression;
pub use tree::{Entry, Tree};
