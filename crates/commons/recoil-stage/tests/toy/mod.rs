//! A stage for tests: writes numbers and their squares, slowly if wanted.
#![allow(dead_code)]

use recoil_stage::config::Given;
use recoil_stage::{
    AnyStage, Blame as _, Config, Description, Flag, InputRole, Inputs, OutputKind, Prepared, Registry, Report,
    Request, Run, Stage, StageError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// How many numbers to write.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(default)]
pub struct NumbersConfig {
    /// Numbers to write.
    pub count: u64,
    /// Pause after each number in microseconds.
    pub pause_us: u64,
    /// Number at which to fail.
    pub fail_at: Option<u64>,
    /// Whether to write the squares.
    pub squares: bool,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// A file that goes with the numbers.
    pub notes: String,
}

impl Default for NumbersConfig {
    fn default() -> Self {
        Self { count: 10, pause_us: 0, fail_at: None, squares: true, columns: vec!["n".into()], notes: String::new() }
    }
}

impl Config for NumbersConfig {
    fn files(&self) -> Vec<(String, PathBuf)> {
        if self.notes.is_empty() { Vec::new() } else { vec![("notes".into(), self.notes.clone().into())] }
    }
}

/// Writes a directory with `numbers.txt` and, if wanted, `more/squares.txt`.
pub struct Numbers;

const NUMBERS: Description = Description {
    name: "toy numbers",
    about: "Write numbers and their squares",
    long: "",
    inputs: &[InputRole::optional("start", "the first number", &["txt"])],
    output: OutputKind::Directory { doc: "the numbers" },
    flags: &[Flag { name: "columns", key: "columns", list: true }],
};

impl Stage for Numbers {
    type Config = NumbersConfig;

    fn description(&self) -> Description {
        NUMBERS
    }

    fn outputs(&self, config: &NumbersConfig, _inputs: &Inputs) -> Vec<String> {
        let squares = config.squares.then(|| "more/squares.txt".to_string());
        ["numbers.txt".to_string()].into_iter().chain(squares).collect()
    }

    fn run(&self, config: &NumbersConfig, run: &Run) -> Result<Report, StageError> {
        let start = match run.inputs().optional("start") {
            Some(file) => {
                let text = std::fs::read_to_string(&file.path).input_error(file.spec())?;
                text.trim().parse::<u64>().input_error(format!("{}: no number", file.spec()))?
            }
            None => 0,
        };
        let progress = run.progress("numbers", "numbers", Some(config.count));
        for (name, power) in [("numbers.txt", 1), ("more/squares.txt", 2)] {
            if !run.declares(name) {
                continue;
            }
            let mut file = std::fs::File::create(run.output(name)?).output_error(name)?;
            writeln!(file, "{}", run.embedded_provenance()).output_error(name)?;
            for number in start..start + config.count {
                run.check()?;
                if config.fail_at == Some(number) {
                    return Err(StageError::input(format!("number {number} is bad")));
                }
                if number % 3 == 0 {
                    run.warn("thirds", format!("{number} divides by three"));
                }
                writeln!(file, "{}", number.pow(power)).output_error(name)?;
                std::thread::sleep(std::time::Duration::from_micros(config.pause_us));
                progress.add(1);
            }
        }
        Ok(Report::new().value("numbers", config.count))
    }
}

/// Sums the numbers of a text file.
pub struct Sum;

const SUM: Description = Description {
    name: "toy sum",
    about: "Sum numbers",
    long: "",
    inputs: &[InputRole::required("numbers", "numbers, one a line", &["txt"]).many()],
    output: OutputKind::File { doc: "the sum", formats: &["txt"] },
    flags: &[],
};

impl Stage for Sum {
    type Config = recoil_stage::config::NoConfig;

    fn description(&self) -> Description {
        SUM
    }

    fn run(&self, _config: &Self::Config, run: &Run) -> Result<Report, StageError> {
        let mut sum = 0;
        for file in run.inputs().all("numbers") {
            let text = std::fs::read_to_string(&file.path).input_error(file.spec())?;
            sum += text.lines().filter_map(|line| line.parse::<u64>().ok()).sum::<u64>();
        }
        std::fs::write(run.output_file()?, sum.to_string()).output_error("the sum")?;
        Ok(Report::new().value("sum", sum))
    }
}

pub fn registry() -> Registry {
    let stages: Vec<Box<dyn AnyStage>> = vec![Box::new(Numbers), Box::new(Sum)];
    Registry::new(stages)
}

pub fn prepare(output: &Path, words: &[&str]) -> Prepared {
    let given = words.iter().map(|word| Given::Word((*word).into())).collect();
    let request = Request { given, output: Some(output.into()), ..Request::default() };
    Numbers.prepare(&request).expect("the words are good")
}

/// All files below a directory by name, hidden ones too.
pub fn files(directory: &Path) -> Vec<String> {
    fn walk(directory: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), found),
                false => found.push(name),
            }
        }
    }
    let mut found = Vec::new();
    walk(directory, "", &mut found);
    found.sort();
    found
}
