//! Formulas of the field that need no detector: angles, geometry, density clustering
