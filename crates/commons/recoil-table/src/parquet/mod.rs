//! Apache Parquet: the format of tables between stages.

mod read;
mod write;

pub use read::{ParquetReader, file_text, is_decoding};
pub use write::ParquetWriter;
