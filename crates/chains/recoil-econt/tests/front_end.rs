//! The front end of whole events is the chip of `econt emulate`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use recoil_econt::data::{Wafer, read_wafers};
use recoil_econt::emulator::autoencoder::{KeepMask, LATENTS, bits_per_latent, convert};
use recoil_econt::emulator::float::{NINE_BITS, restored};
use recoil_econt::front_end::{Compression, EventWafer, FrontEnd, FrontEndConfig, WaferPlace};
use recoil_econt::metrics::WaferEmd;
use recoil_econt::stages;
use recoil_econt::wafer::CELLS;
use recoil_stage::config::Given;
use recoil_stage::{Registry, Request, RunOptions, StageError};
use recoil_table::{Batch, ReadOptions};

fn golden(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/econt").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(name: &str, inputs: &[&str], words: &[&str], output: &Path) -> Result<(), StageError> {
    let registry = Registry::new(stages::all());
    let stage = registry.find(name)?;
    let request = Request {
        given: words.iter().map(|word| Given::Word((*word).to_owned())).collect(),
        inputs: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: Some(output.to_path_buf()),
        seed: None,
    };
    stage.execute(&stage.prepare(&request)?, &RunOptions::default()).map(|_| ())
}

fn read(path: &Path) -> Batch {
    recoil_table::open(path.to_str().unwrap(), &ReadOptions::default()).unwrap().read_all().unwrap()
}

/// One wafer of an event, all of whose cells are there.
fn event_wafer(charges: Wafer) -> EventWafer {
    let place = WaferPlace { zside: 1, layer: 9, u: 3, v: 1 };
    EventWafer { place, eta: 2.0, charges, rows: std::array::from_fn(|i| Some(i as u32)) }
}

fn wafers() -> Vec<Wafer> {
    read_wafers(&golden("calq_first2000.csv.gz")).unwrap()
}

#[test]
fn what_arrives_is_what_the_emulated_chip_sends() {
    let dir = tempfile::tempdir().unwrap();
    let wafers = wafers();
    let sent: Vec<EventWafer> = wafers.iter().map(|wafer| event_wafer(*wafer)).collect();
    let mut compared = 0;
    for (algorithm, name) in [
        (Compression::Threshold, "threshold"),
        (Compression::SuperTriggerCell, "super_trigger_cell"),
        (Compression::BestChoice, "best_choice"),
        (Compression::Repeater, "repeater"),
    ] {
        for (links, decoded) in [(2, true), (3, true), (4, true), (5, true), (11, true), (2, false), (3, false)] {
            let config = FrontEndConfig { algorithm, links, decoded, ..FrontEndConfig::default() };
            let front_end = FrontEnd::new(&config).unwrap().unwrap();
            let received = front_end.send(&sent).unwrap();
            let output = dir.path().join(format!("{name}_{links}_{decoded}.parquet"));
            let words = [
                format!("algorithm={name}"),
                format!("links={links}"),
                format!("decoded={decoded}"),
                "order=tc".to_owned(),
                "frames=true".to_owned(),
            ];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            run("econt emulate", &[&golden("calq_first2000.csv.gz")], &words, &output).unwrap();
            let table = read(&output);
            assert_eq!(table.rows(), wafers.len());
            for cell in 0..CELLS {
                let column = table.scalar::<f64>(&format!("CALQ_{cell}")).unwrap();
                let different = received.iter().zip(column).filter(|(own, theirs)| own.charges[cell] != **theirs);
                assert_eq!(different.count(), 0, "{name}, {links} links, cell {cell}");
                compared += received.len();
            }
        }
    }
    println!("{compared} charges, 0 mismatches");
    assert_eq!(compared, 4 * 7 * 2000 * 48);
}

#[test]
fn bits_are_those_of_the_frames() {
    let sent: Vec<EventWafer> = wafers().iter().map(|wafer| event_wafer(*wafer)).collect();
    let mean = |algorithm, links| {
        let config = FrontEndConfig { algorithm, links, ..FrontEndConfig::default() };
        let received = FrontEnd::new(&config).unwrap().unwrap().send(&sent).unwrap();
        received.iter().map(|r| f64::from(r.bits)).sum::<f64>() / received.len() as f64
    };
    for links in 2..=5 {
        assert_eq!(mean(Compression::BestChoice, links), 32.0 * links as f64);
        assert!(mean(Compression::SuperTriggerCell, links) <= 32.0 * links as f64);
    }
    assert_eq!(mean(Compression::Repeater, 11), 352.0);
    // more links than sums can use carry what the largest layout carries, and no more bits
    assert_eq!(mean(Compression::SuperTriggerCell, 9), mean(Compression::SuperTriggerCell, 5));
    // frames of the threshold algorithm are as long as they have to be, whatever the links
    assert_eq!(mean(Compression::Threshold, 2), mean(Compression::Threshold, 5));
}

#[test]
fn sums_keep_all_charge() {
    for links in [2, 3, 4, 5] {
        let config = FrontEndConfig { algorithm: Compression::SuperTriggerCell, links, ..FrontEndConfig::default() };
        let exact = FrontEnd::new(&FrontEndConfig { decoded: false, ..config.clone() }).unwrap().unwrap();
        let decoded = FrontEnd::new(&config).unwrap().unwrap();
        for wafer in wafers().iter().take(500) {
            let sent = [event_wafer(*wafer)];
            let sum = |front_end: &FrontEnd| front_end.send(&sent).unwrap()[0].charges.iter().sum::<f64>();
            let truth: u32 = wafer.iter().sum();
            assert!((sum(&exact) - f64::from(truth)).abs() < 1e-9, "{links} links");
            // a code of three or four bits behind the leading one, after one dropped bit, is off by a sixteenth at most
            let allowed = f64::from(truth) / 16.0 + 12.0;
            assert!((sum(&decoded) - f64::from(truth)).abs() < allowed, "{links} links: {} of {truth}", sum(&decoded));
        }
    }
}

fn train(dir: &Path, name: &str, words: &[&str]) -> String {
    let calq = dir.join("calq.parquet");
    if !calq.exists() {
        run("econt simulate", &[], &["wafers=1500"], &calq).unwrap();
    }
    let words: Vec<&str> = ["training.epochs=3"].iter().chain(words).copied().collect();
    run("econt train", &[calq.to_str().unwrap()], &words, &dir.join(name)).unwrap();
    dir.join(name).to_str().unwrap().to_owned()
}

fn autoencoder(model: &str, links: usize) -> FrontEndConfig {
    let model = model.to_owned();
    FrontEndConfig { algorithm: Compression::Autoencoder, links, model, ..FrontEndConfig::default() }
}

#[test]
fn the_autoencoder_sends_its_latent_numbers_and_the_sum() {
    let dir = tempfile::tempdir().unwrap();
    let wafers = wafers();
    let sent: Vec<EventWafer> = wafers.iter().map(|wafer| event_wafer(*wafer)).collect();
    for links in [2, 4] {
        let (name, word) = (format!("models/links{links}"), format!("links={links}"));
        let folder = train(dir.path(), &name, &["model=8x8_c8_S2_asic", &word]);
        let model = recoil_econt::autoencoder::Autoencoder::read(Path::new(&folder)).unwrap();
        let shapes = model.reconstruct(&wafers, None).unwrap();
        let parent = dir.path().join("models");
        let pattern = parent.join("links{links}");
        let mut all = Vec::new();
        // one model, a folder of models, and a pattern
        for model in [&folder, parent.to_str().unwrap(), pattern.to_str().unwrap()] {
            let front_end = FrontEnd::new(&autoencoder(model, links)).unwrap().unwrap();
            assert_eq!(front_end.warning(), None);
            all.push(front_end.send(&sent).unwrap());
        }
        assert!(all[0] == all[1] && all[0] == all[2]);
        let mut emd = WaferEmd::new().unwrap();
        let (mut largest, mut compared) = (0.0_f64, 0);
        for ((wafer, shape), received) in wafers.iter().zip(&shapes).zip(&all[0]) {
            assert_eq!(received.bits, 32 * links as u32);
            let sum = f64::from(restored(NINE_BITS, convert(wafer).sum_code.into(), 0));
            let scale = sum / shape.iter().sum::<f64>();
            for (charge, shape) in received.charges.iter().zip(shape) {
                let full = shape * scale;
                let expected = if full < 3.5 { 0.0 } else { full };
                assert!((charge - expected).abs() < 1e-9 * sum, "{charge} is not {expected}");
                compared += 1;
            }
            let distance = emd.outcome(&wafer.map(f64::from), &received.charges).unwrap();
            largest = largest.max(distance.distance().unwrap_or(0.0));
        }
        println!("{links} links: {compared} charges as decoded; largest distance {largest:.2}");
        // the emulated chip decodes the same
        let output = dir.path().join(format!("emulated{links}.parquet"));
        let words = [
            "algorithm=autoencoder".to_owned(),
            format!("links={links}"),
            format!("model={folder}"),
            "order=tc".to_owned(),
            "decoded=true".to_owned(),
        ];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run("econt emulate", &[&golden("calq_first2000.csv.gz")], &words, &output).unwrap();
        let all_cells = FrontEndConfig { decoder_threshold: 0.0, ..autoencoder(&folder, links) };
        let received = FrontEnd::new(&all_cells).unwrap().unwrap().send(&sent).unwrap();
        let table = read(&output);
        for cell in 0..CELLS {
            let column = table.scalar::<f64>(&format!("CALQ_{cell}")).unwrap();
            let different = received.iter().zip(column).filter(|(own, theirs)| own.charges[cell] != **theirs);
            assert_eq!(different.count(), 0, "{links} links, cell {cell}");
        }
        // on fewer links than it was trained for, the leading bits are sent; the user is told
        if links == 4 {
            let cut = FrontEnd::new(&autoencoder(&folder, 2)).unwrap().unwrap();
            assert!(cut.warning().unwrap().contains("7 bits, of which the links take 3"), "{:?}", cut.warning());
            let received = cut.send(&sent).unwrap();
            assert!(received.iter().all(|r| r.bits == 64));
            assert_ne!(received[0].charges, all[0][0].charges);
        }
    }
    assert_eq!(KeepMask::leading(bits_per_latent(2)).bits(), 3 * LATENTS as u32);
}

#[test]
fn without_a_model_the_program_has_its_own() {
    let sent: Vec<EventWafer> = wafers().iter().map(|wafer| event_wafer(*wafer)).collect();
    let truth: f64 = wafers().iter().flatten().map(|&charge| f64::from(charge)).sum();
    for links in [2, 3, 4, 5, 9] {
        let front_end = FrontEnd::new(&autoencoder("", links)).unwrap().unwrap();
        assert_eq!(front_end.warning(), None);
        let received = front_end.send(&sent).unwrap();
        let sum: f64 = received.iter().flat_map(|r| r.charges).sum();
        // what is lost are cells below the decoder's threshold
        assert!((0.9..1.02).contains(&(sum / truth)), "{links} links: {}", sum / truth);
        assert!(received.iter().all(|r| r.bits <= 32 * links as u32), "{links}: {}", received[0].bits);
    }
}

#[test]
fn models_that_cannot_be_used_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let fault = |config: &FrontEndConfig| FrontEnd::new(config).unwrap_err().to_string();
    let missing = fault(&autoencoder(dir.path().join("nowhere").to_str().unwrap(), 5));
    assert!(missing.contains("recoil econt train --model 8x8_c8_S2_asic --links 5 --input CALQ -o"), "{missing}");
    assert!(missing.contains("nowhere/links5"), "{missing}");
    for links in [0, 14] {
        let config = FrontEndConfig { algorithm: Compression::Threshold, links, ..FrontEndConfig::default() };
        assert!(fault(&config).contains("1 to 13"), "{}", fault(&config));
    }
    let other = train(dir.path(), "other", &["model=4x4x3_c8"]);
    let error = fault(&autoencoder(&other, 3));
    assert!(error.contains("other") && error.contains("4x4x3"), "{error}");
    // floating point is rounded, which it was not trained for
    let float = train(dir.path(), "float", &["model=8x8_c8_S2_tele"]);
    let front_end = FrontEnd::new(&autoencoder(&float, 3)).unwrap().unwrap();
    assert!(front_end.warning().unwrap().contains("take 5 bits"), "{:?}", front_end.warning());
    assert_eq!(front_end.send(&[event_wafer(wafers()[0])]).unwrap()[0].bits, 96);
    // a decoder that is told where the wafer is
    let conditional = train(dir.path(), "conditional", &["model=8x8_c8_S2_conditional", "links=3"]);
    let front_end = FrontEnd::new(&autoencoder(&conditional, 3)).unwrap().unwrap();
    let here = event_wafer(wafers()[0]);
    let there = EventWafer { eta: 2.9, place: WaferPlace { layer: 31, ..here.place }, ..here };
    let received = front_end.send(&[here, there]).unwrap();
    assert_ne!(received[0].charges, received[1].charges);
    // weights of another model in the folder
    std::fs::copy(Path::new(&other).join("weights.safetensors"), Path::new(&float).join("weights.safetensors"))
        .unwrap();
    let error = fault(&autoencoder(&float, 3));
    assert!(error.contains("float"), "{error}");
}

#[test]
fn threads_make_no_difference() {
    let dir = tempfile::tempdir().unwrap();
    let folder = train(dir.path(), "model", &["model=8x8_c8_S2_asic", "links=3"]);
    let sent: Vec<EventWafer> = wafers().iter().map(|wafer| event_wafer(*wafer)).collect();
    let front_end = FrontEnd::new(&autoencoder(&folder, 3)).unwrap().unwrap();
    let with = |threads: usize, wafers: &[EventWafer]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| front_end.send(wafers)).unwrap()
    };
    let one = with(1, &sent);
    assert_eq!(one, with(3, &sent));
    // nor does it matter which wafers travel together
    let apart: Vec<_> = sent.chunks(7).flat_map(|wafers| with(2, wafers)).collect();
    assert_eq!(one, apart);
}
