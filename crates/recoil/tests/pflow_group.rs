//! Trainings by several processes, through the command line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONFIG: &str = "
architecture: { layers: 1, heads: 2, head_width: 8, dropout: 0.1 }
training: { steps: 12, batch: 16, validations: 3, averaging: 0.1, clip: 1 }
group: { wait: 60, timeout: 20 }
";

struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with events and settings.
    fn new(events: u32) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.file("train.yaml"), CONFIG).unwrap();
        let words = ["pflow", "simulate", "-q", "-o", &folder.file("events.parquet"), "--events", &events.to_string()];
        // about 400 elements an event: steps of several parts
        let sizes = ["preset=e256", "--seed", "5"];
        assert!(Command::new(env!("CARGO_BIN_EXE_recoil")).args(words).args(sizes).status().unwrap().success());
        folder
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn train(&self, output: &str, threads: usize, words: &[String]) -> Child {
        let (config, events) = (self.file("train.yaml"), self.file("events.parquet"));
        Command::new(env!("CARGO_BIN_EXE_recoil"))
            .args(["pflow", "train", "-q", "-c", &config, "--input", &events, "-o", &self.file(output)])
            .args(["--threads", &threads.to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Weights and history of a trained model.
    fn result(&self, output: &str) -> (Vec<f32>, Vec<u8>) {
        let model = format!("{}/model.safetensors", self.file(output));
        let tensors = recoil_nn::safetensors::read(Path::new(&model)).unwrap().tensors;
        let history = std::fs::read(format!("{}/history.csv", self.file(output))).unwrap();
        (tensors.into_iter().flat_map(|tensor| tensor.values).collect(), history)
    }
}

/// An address that nobody listens on.
fn address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn member(address: &str, size: usize, rank: usize, more: &[&str]) -> Vec<String> {
    let own = [format!("group.address={address}"), format!("group.size={size}"), format!("group.rank={rank}")];
    own.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
}

/// Code and words of a process that ends within a minute.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("a process hangs");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (child.wait().unwrap().code(), text)
}

fn works(child: Child) {
    let (code, text) = ended(child);
    assert_eq!(code, Some(0), "{text}");
}

fn fails(child: Child, with: &str) {
    let (code, text) = ended(child);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains(with), "'{with}' is not in: {text}");
}

#[test]
fn any_number_of_processes_trains_the_same_model() {
    let folder = Folder::new(40);
    works(folder.train("alone", 2, &[]));
    let (weights, history) = folder.result("alone");
    assert!(weights.len() > 1000 && weights.iter().all(|weight| weight.is_finite()));
    for size in [2, 3] {
        let (address, output) = (address(), format!("by{size}"));
        let leader = folder.train(&output, 1, &member(&address, size, 0, &[]));
        // a stranger is no process of the training
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Ok(mut stranger) = TcpStream::connect(&address) {
                stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let others: Vec<Child> =
            (1..size).map(|rank| folder.train(&output, 1, &member(&address, size, rank, &[]))).collect();
        others.into_iter().for_each(works);
        works(leader);
        let (found, told) = folder.result(&output);
        let equal = found.iter().zip(&weights).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
        assert_eq!((equal, found.len()), (weights.len(), weights.len()), "bits of the weights by {size} processes");
        assert_eq!(told, history, "history by {size} processes");
    }
}

#[test]
fn a_process_that_is_killed_ends_the_training_and_another_goes_on() {
    let folder = Folder::new(24);
    let (address, state) = (address(), format!("--checkpoint={}", folder.file("state")));
    let long = [state.as_str(), "training.steps=4000", "training.validations=2000"];
    let leader = folder.train("model", 1, &member(&address, 3, 0, &long));
    let mut others: Vec<Child> =
        (1..3).map(|rank| folder.train("model", 1, &member(&address, 3, rank, &long))).collect();
    let start = Instant::now();
    while !Path::new(&folder.file("state")).exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut killed = others.pop().unwrap();
    killed.kill().unwrap();
    killed.wait().unwrap();
    fails(leader, "process 2");
    fails(others.pop().unwrap(), "process 2");
    assert!(!Path::new(&folder.file("model/model.safetensors")).exists());
    // alone, from the state before the step that failed
    let (steps, text) = {
        let contents = recoil_nn::safetensors::read(Path::new(&folder.file("state"))).unwrap();
        let text = contents.metadata.values().find(|text| text.contains("\"step\"")).unwrap().clone();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        (record["step"].as_u64().unwrap(), text)
    };
    assert!((1..4000).contains(&steps), "{text}");
    let some = [state.clone(), format!("training.steps={}", steps + 5), "training.validations=2000".into()];
    works(folder.train("model", 1, &some));
    folder.result("model");
}

#[test]
fn processes_that_do_not_fit_are_told() {
    let folder = Folder::new(8);
    let cases: [(&[&str], &str); 3] = [
        (&["--seed", "7"], "other settings or another seed"),
        (&["training.rate=0.1"], "other settings or another seed"),
        (&["max_events=7"], "other events"),
    ];
    for (words, message) in cases {
        let address = address();
        let leader = folder.train("model", 1, &member(&address, 2, 0, &[]));
        fails(folder.train("model", 1, &member(&address, 2, 1, words)), message);
        fails(leader, message);
    }
    let address = address();
    let leader = folder.train("model", 1, &member(&address, 2, 0, &["group.wait=0.5"]));
    fails(leader, "process 1 did not come within");
    let late = folder.train("model", 1, &member(&address, 2, 1, &["group.wait=0.5"]));
    fails(late, "cannot be reached within");
    let (code, text) = ended(folder.train("model", 1, &["group.size=2".into()]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("group.address"), "{text}");
    assert!(!Path::new(&folder.file("model/model.safetensors")).exists());
}

#[test]
fn a_device_that_the_build_lacks_is_told() {
    let folder = Folder::new(4);
    for (device, is_there) in
        [("cuda", cfg!(feature = "cuda")), ("wgpu", cfg!(feature = "wgpu")), ("flex", cfg!(feature = "flex"))]
    {
        if !is_there {
            let (code, text) = ended(folder.train("model", 1, &[format!("--device={device}")]));
            assert_eq!(code, Some(2), "{text}");
            assert!(text.contains(&format!("--features {device}")), "{text}");
        }
    }
}
