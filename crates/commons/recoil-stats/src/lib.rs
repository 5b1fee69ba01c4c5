//! Histograms, profiles, quantiles, efficiencies and their intervals
