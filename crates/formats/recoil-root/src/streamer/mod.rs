//! The file's own description of its classes (`TStreamerInfo`), and objects decoded by it.
//!
//! Only the description classes themselves and the collections of pointers are known here by heart
//! ([`object::ObjectReader`]); trees, branches, leaves and histograms of any version are decoded from what the file
//! says about them.

pub(crate) mod info;
pub(crate) mod object;
pub(crate) mod packing;
