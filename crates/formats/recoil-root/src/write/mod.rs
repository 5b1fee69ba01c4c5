//! Writes ROOT files: trees, histograms, profiles and texts, in directories.
//!
//! Everything goes to the end of the file as it comes; what tells where things are is written last. The same content
//! gives the same bytes: dates come from the caller, identifiers from the content, and threads only decide who
//! compresses which basket.
//!
//! ```
//! use recoil_root::write::{FileWriter, Options};
//! use recoil_root::{Column, Prim, Type};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("muons.root");
//! let mut file = FileWriter::create(&path, Options::default())?;
//! let columns = [("event", Type::Prim(Prim::U64)), ("pt", Type::list(Type::Prim(Prim::F32)))];
//! let mut tree = file.tree("reco/muons", "muons of the run", &columns)?;
//! tree.extend(&[
//!     Column::Prim(vec![1_u64, 2].into()),
//!     Column::List { offsets: vec![0, 2, 3], inner: Box::new(Column::Prim(vec![31.5_f32, 12.0, 7.25].into())) },
//! ])?;
//! tree.finish()?;
//! file.text("provenance", "{\"program\": \"recoil\"}")?;
//! file.finish()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Forms of the columns in a tree, as ROOT and uproot know them:
//!
//! | column | branch |
//! |---|---|
//! | number, truth value | one leaf, `x/F` |
//! | fixed array, also of arrays | `x[3][2]/F` |
//! | list of numbers or of fixed arrays | `x[nx]/F` and a counter `nx/I` in front; see [`Options::share_counters`] |
//! | string | a C++ `string` |
//! | list of lists or of strings, any depth | a C++ object such as `vector<vector<float> >` |

mod branch;
mod buffer;
mod classes;
mod codec;
mod directory;
mod fault;
mod file;
mod histogram;
mod key;
mod record;
mod schema;
mod sink;
mod streamers;
mod tree;
mod values;

pub use codec::Compression;
pub use fault::WriteFault;
pub use file::{FileWriter, Options};
pub use tree::TreeWriter;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file behind its lock. A panic elsewhere cannot leave it half changed in a way that its errors do not show.
fn lock(sink: &Mutex<sink::Sink>) -> MutexGuard<'_, sink::Sink> {
    sink.lock().unwrap_or_else(PoisonError::into_inner)
}
