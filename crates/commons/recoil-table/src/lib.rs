//! Columnar event tables: Parquet, CSV, NumPy and ROOT in and out, selections on jagged columns
