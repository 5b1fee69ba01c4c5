//! Reads and writes ROOT files: trees (and RNTuples, read only), histograms and directories.
//!
//! The reader knows only how ROOT describes classes (`TStreamerInfo`); trees, branches and histograms of any version
//! are decoded from the description in the file itself. Columns come out in the manner of Arrow: values and offsets,
//! decoded in parallel over baskets on the current rayon pool.
//!
//! ```
//! use recoil_root::{Column, Prim, RootFile, Type};
//!
//! # fn main() -> recoil_root::Result<()> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/root/uproot.root");
//! let file = RootFile::open(path)?;
//! for entry in file.ls()? {
//!     println!("{} {}", entry.class, entry.path);
//! }
//! let tree = file.tree("dir/t")?;
//! let x = tree.branch("x")?;
//! assert_eq!(*x.ty(), Type::Prim(Prim::F32));
//! let v = tree.branch("v")?;
//! for batch in tree.batches(&[x, v], 20) {
//!     let columns = tree.read_many(&[x, v], batch)?;
//!     assert!(matches!(columns[1], Column::List { .. }));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | room | what it knows |
//! |---|---|
//! | `bytes`, `codec`, `source`, `key` | bounded reads, compressed blocks, records |
//! | `file` | header, directories, looking objects up, recovery of unclosed files |
//! | `streamer` | class descriptions and objects decoded by them |
//! | `tree` | branches, their layouts, baskets, columns |
//! | `ntuple` | RNTuples: header, clusters, pages; read as trees |
//! | `hist` | histograms and profiles |
//! | `chain` | the same tree in many files |
//! | [`mod@write`] | all of this in the other direction |
//!
//! Nothing in a file is believed: counts and sizes are checked against the bytes that are there before anything is
//! allocated, and every failure says where it happened ([`Place`]).

mod bytes;
mod chain;
mod codec;
mod column;
mod error;
mod file;
mod hist;
mod kept;
mod key;
mod ntuple;
mod source;
mod streamer;
mod tree;
pub mod write;

pub use chain::{Batches, Chain};
pub use column::{Column, Prim, Type, Values};
pub use error::{Error, Fault, Place, Result};
pub use file::{Entry, RootFile};
pub use hist::{Axis, Bins, Hist1, Hist2, Hist3, Profile, Storage};
pub use tree::{Branch, Tree};
