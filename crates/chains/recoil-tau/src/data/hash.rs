//! Identifiers of data sets: the 64-bit hash of a name.

const SEED: u64 = 0xc70f_6907;
const MULTIPLIER: u64 = 0xc6a4_a793_5bd1_e995;

/// The identifier that candidate tuples carry for the data set or group called `name`: MurmurHash64A with the seed of
/// GNU's C++ library, whose `std::hash<std::string>` wrote the existing files.
///
/// ```
/// assert_eq!(recoil_tau::data::hash::name_id("DY"), 10_918_959_937_480_734_963);
/// ```
pub fn name_id(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mix = |value: u64| {
        let value = value.wrapping_mul(MULTIPLIER);
        value ^ (value >> 47)
    };
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash ^ mix(u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER)).wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        let last = rest.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    }
    let hash = mix_end(hash).wrapping_mul(MULTIPLIER);
    mix_end(hash)
}

fn mix_end(value: u64) -> u64 {
    value ^ (value >> 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_hash_as_the_library_does() {
        // made with std::hash<std::string> of libstdc++ (g++ 12)
        for (name, id) in HASHES {
            assert_eq!(name_id(name), id, "{name}");
        }
    }

    const HASHES: [(&str, u64); 4] = [
        ("DY", 10_918_959_937_480_734_963),
        ("", 6142509188972423790),
        ("TT_longer", 17616593237651159467),
        ("12345678", 10113836418918046885),
    ];
}
