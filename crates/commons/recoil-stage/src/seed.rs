//! One seed per run, split by name and index.
//!
//! A [`Seed`] is a 64-bit key. [`Seed::named`] and [`Seed::indexed`] derive independent keys by hashing, so that the
//! numbers drawn for event 17 never depend on how many threads ran or on what was drawn for event 16.

use rand::SeedableRng;
pub use rand_chacha::ChaCha8Rng as Rng;
use sha2::{Digest, Sha256};

/// Key of a family of random streams.
///
/// ```
/// use recoil_stage::seed::Seed;
/// use rand::Rng as _;
/// let run = Seed::new(42);
/// let mut a = run.named("shower").indexed(17).rng();
/// let mut b = run.named("shower").indexed(17).rng();
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(u64);

impl Seed {
    /// The seed of a run, as the user gave it or as it was recorded.
    pub fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number itself.
    pub fn value(self) -> u64 {
        self.0
    }

    /// The independent key of the part of the work that is called `name`.
    pub fn named(self, name: &str) -> Self {
        self.derive(b"name", name.as_bytes())
    }

    /// The independent key of item `index` (an event, a wafer, a job).
    pub fn indexed(self, index: u64) -> Self {
        self.derive(b"index", &index.to_le_bytes())
    }

    /// The generator of this key (ChaCha with eight rounds, counter-based).
    pub fn rng(self) -> Rng {
        let digest = Sha256::new().chain_update(b"recoil rng").chain_update(self.0.to_le_bytes()).finalize();
        let mut key = [0u8; 32];
        key.copy_from_slice(&digest);
        Rng::from_seed(key)
    }

    fn derive(self, kind: &[u8], word: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(self.0.to_le_bytes()).chain_update(kind).chain_update(word).finalize();
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng as _;

    #[test]
    fn names_and_indices_give_different_streams() {
        let run = Seed::new(1);
        let mut seen = std::collections::BTreeSet::new();
        for name in ["a", "b"] {
            for index in 0..100 {
                assert!(seen.insert(run.named(name).indexed(index).rng().next_u64()));
            }
        }
    }

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        // recorded results must stay reproducible across versions of the program
        assert_eq!(
            Seed::new(42).named("shower").indexed(17).value(),
            Seed::new(42).named("shower").indexed(17).value()
        );
        assert_ne!(Seed::new(42).named("1").value(), Seed::new(42).indexed(1).value());
    }
}
