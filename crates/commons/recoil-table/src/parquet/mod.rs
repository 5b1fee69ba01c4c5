//! Apache Parquet: the format of tables between stages.

mod read;
mod write;

pub use read::{ParquetReader, is_decoding};
pub use write::ParquetWriter;
