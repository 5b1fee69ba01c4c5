//! Apache Parquet: the format of tables between stages.

mod read;
mod write;

pub use read::ParquetReader;
pub use write::ParquetWriter;
