//! Quantisers against QKeras.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_nn::Quantiser;

#[test]
fn quantisers_and_their_gradients_are_exact() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/nn/");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    let written: std::collections::BTreeMap<String, String> =
        serde_json::from_str(&read("quantisers_config.json")).unwrap();
    let quantisers: Vec<Quantiser> = {
        let table = read("quantisers.csv");
        let names = table.lines().next().unwrap().split(',').skip(1).step_by(2);
        // QKeras writes (bits, integer, symmetric, keep_negative=..., alpha=1)
        names
            .map(|name| {
                let text = &written[name];
                let numbers: Vec<u8> =
                    text.split(['(', ',', ')']).filter_map(|word| word.trim().parse().ok()).collect();
                if text.starts_with("quantized_relu") {
                    Quantiser::relu(numbers[0], numbers[1] as i8)
                } else {
                    Quantiser::bits(numbers[0], numbers[1] as i8, !text.contains("keep_negative=False"))
                }
            })
            .collect()
    };
    assert_eq!(quantisers.len(), 12);
    let (mut tested, mut wrong) = (0, 0);
    for line in read("quantisers.csv").lines().skip(1) {
        let values: Vec<f32> = line.split(',').map(|word| word.parse().unwrap()).collect();
        for (quantiser, expected) in quantisers.iter().zip(values[1..].chunks(2)) {
            tested += 2;
            let found = [quantiser.value(values[0]), quantiser.gradient(values[0])];
            for (found, &expected) in found.into_iter().zip(expected) {
                if found != expected {
                    wrong += 1;
                    println!("{quantiser} of {}: {found}, expected {expected}", values[0]);
                }
            }
        }
    }
    println!("{wrong} of {tested} values differ");
    assert!(tested > 1000 && wrong == 0);
}
