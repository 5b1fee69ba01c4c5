//! Self-contained HTML reports: prose, sortable tables, figures that can be downloaded, and the
//! record of how they were made. No network is needed to look at one.

mod page;
mod table;

pub use page::{Page, Section};
pub use table::Table;
