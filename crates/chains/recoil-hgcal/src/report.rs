//! The report: which figures exist for given inputs, and the page that shows them.
//!
//! [`catalog`] lists the figures by name and section from the configuration alone, so that a stage can declare its files;
//! each entry draws itself from the [`Results`] that were read.

mod catalog;
mod event;
mod page;
mod results;

pub use catalog::{Entry, Part, catalog};
pub use event::Example;
pub use page::page;
pub use results::{Available, ReportConfig, Results, RunLabel, Setup};
