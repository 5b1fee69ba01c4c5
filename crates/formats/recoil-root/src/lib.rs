//! Reads and writes ROOT files: trees, histograms and directories
