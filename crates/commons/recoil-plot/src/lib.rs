//! Figures in the conventions of the field, as SVG, PNG and PDF, and self-contained HTML reports
