//! The CMS HGCAL Level-1 trigger chain

pub mod data;
