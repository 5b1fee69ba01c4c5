//! RNTuple, the columnar format that follows trees: binary format 1.0.
//!
//! An anchor among the keys of the file points to a header (fields and columns) and a footer (fields added later, and
//! where the page lists are). Page lists name, for each range of entries, the pages of every column. All of them carry
//! XXH3 checksums, which are verified. Source: `BinaryFormatSpecification.md` of the ROOT project.
//!
//! | room | what it knows |
//! |---|---|
//! | `little`, `envelope` | frames and locators; the anchor, checksums, blocks of bytes |
//! | `schema`, `clusters` | header, footer and page lists |
//! | `layout` | from the tree of fields to branches |
//! | `encoding`, `convert` | elements of a page as numbers |
//! | `read` | entries of a branch |

mod clusters;
mod convert;
mod encoding;
mod envelope;
mod layout;
mod little;
mod read;
mod schema;

use std::sync::Arc;

pub(crate) use layout::{FieldBranch, Layout};
pub(crate) use read::Reading;

use clusters::{PageList, groups};
use envelope::{Anchor, Kind, Store};
use rayon::prelude::*;
use read::PageKey;
use schema::Schema;

use crate::{
    bytes::Read,
    column::Values,
    error::{Error, Fault, Place, Result},
    kept::Kept,
    source::Source,
};

/// Class of the anchor of an RNTuple.
pub(crate) const CLASS: &str = "ROOT::RNTuple";
/// Class of the anchor before the format was settled.
pub(crate) const EARLY_CLASS: &str = "ROOT::Experimental::RNTuple";

/// Entries for which nothing is stored are believed up to this many times the size of the file.
const TRUSTED_RATIO: u64 = 64;

/// An ntuple whose schema and page lists were read.
#[derive(Debug)]
pub(crate) struct Ntuple {
    source: Arc<Source>,
    max_piece: u64,
    schema: Schema,
    pages: PageList,
    kept: Kept<PageKey, Values>,
}

impl Ntuple {
    /// Opens the ntuple whose anchor is the payload of a key; gives its branches too.
    pub fn open(source: Arc<Source>, place: &Place, anchor: &[u8]) -> Result<(Self, Vec<FieldBranch>)> {
        let anchor =
            Anchor::read(anchor).map_err(|fault| fault.at(Place { envelope: Some("anchor"), ..place.clone() }))?;
        if anchor.epoch != 1 {
            let type_name = format!("RNTuple of epoch {}, not 1", anchor.epoch);
            return Err(Error::Unsupported { place: Box::new(place.clone()), type_name });
        }
        let store = Store { source: &source, max_piece: anchor.max_piece };
        let bare = || Place { byte: None, ..place.clone() };
        let at = |kind: Kind, seek| {
            move |fault: Fault| fault.at(Place { envelope: Some(kind.name()), byte: Some(seek), ..place.clone() })
        };
        let (header, header_sum) = store.envelope(anchor.header, Kind::Header, bare)?;
        let mut schema = Schema::of_header(&header).map_err(at(Kind::Header, anchor.header.at.seek))?;
        let (footer, _) = store.envelope(anchor.footer, Kind::Footer, bare)?;
        let in_footer = at(Kind::Footer, anchor.footer.at.seek);
        let links = groups(&footer, header_sum, &mut schema).map_err(in_footer)?;
        let read = |link: &little::Link| {
            let (bytes, _) = store.envelope(*link, Kind::PageList, bare)?;
            PageList::read(&bytes, header_sum).map_err(at(Kind::PageList, link.at.seek))
        };
        let mut pages = PageList::default();
        for list in links.par_iter().map(read).collect::<Result<Vec<_>>>()? {
            pages.append(list);
        }
        pages.clusters.sort_by_key(|cluster| cluster.first_entry);
        let top = schema.link().map_err(at(Kind::Header, anchor.header.at.seek))?;
        let branches = layout::branches(&schema, &top).map_err(at(Kind::Header, anchor.header.at.seek))?;
        let ntuple = Self { source: source.clone(), max_piece: anchor.max_piece, schema, pages, kept: Kept::default() };
        ntuple.check_entries().map_err(at(Kind::Footer, anchor.footer.at.seek))?;
        Ok((ntuple, branches))
    }

    pub fn name(&self) -> &str {
        &self.schema.name
    }

    pub fn description(&self) -> &str {
        &self.schema.description
    }

    pub fn entries(&self) -> u64 {
        self.pages.clusters.last().map_or(0, |cluster| cluster.first_entry + cluster.entries)
    }

    /// First entry of each cluster, and the end of the last.
    pub fn starts(&self) -> Vec<u64> {
        let starts =
            self.pages.clusters.iter().filter(|cluster| cluster.entries > 0).map(|cluster| cluster.first_entry);
        starts.chain([self.entries()]).collect()
    }

    fn store(&self) -> Store<'_> {
        Store { source: &self.source, max_piece: self.max_piece }
    }

    /// Clusters must follow one another, and hold no more entries than there are elements.
    fn check_entries(&self) -> Read<()> {
        let mut end = 0;
        for cluster in &self.pages.clusters {
            if cluster.first_entry != end {
                let what =
                    format!("a cluster that begins with entry {} where the last ends with {end}", cluster.first_entry);
                return Err(Fault::bad(0, what));
            }
            end = end.saturating_add(cluster.entries);
        }
        if end > self.pages.most_elements() && end > self.source.len().saturating_mul(TRUSTED_RATIO) {
            return Err(Fault::bad(0, format!("{end} entries, for which there are no pages")));
        }
        Ok(())
    }
}
