//! Commands of a small stage, through the whole command line.

use super::*;
use crate::cli::{self, Detail};
use recoil_stage::config::Config;
use recoil_stage::{Blame as _, Description, Flag, Inputs, Registry, Report, Run, Stage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;

/// What to write.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(default)]
struct LettersConfig {
    /// Letters to write.
    letters: Vec<String>,
    /// How often.
    #[schemars(range(min = 1))]
    times: usize,
    /// Whether one letter cannot be written.
    lose_one: bool,
}

impl Default for LettersConfig {
    fn default() -> Self {
        Self { letters: vec!["a".into()], times: 1, lose_one: false }
    }
}

impl Config for LettersConfig {}

struct Letters;

const LETTERS: Description = Description {
    name: "hgcal letters",
    about: "Write letters",
    long: "Each on a line of its own.",
    inputs: &[InputRole::optional("more", "more letters", &["txt"])],
    output: OutputKind::Directory { doc: "the letters" },
    flags: &[Flag { name: "letters", key: "letters", list: true }],
};

impl Stage for Letters {
    type Config = LettersConfig;

    fn description(&self) -> Description {
        LETTERS
    }

    fn outputs(&self, _config: &LettersConfig, _inputs: &Inputs) -> Vec<String> {
        vec!["letters.txt".into()]
    }

    fn run(&self, config: &LettersConfig, run: &Run) -> Result<Report, StageError> {
        let text = config.letters.concat().repeat(config.times);
        std::fs::write(run.output("letters.txt")?, text).output_error("letters")?;
        let report = Report::new().value("count", config.letters.len());
        Ok(if config.lose_one { report.failure("one letter") } else { report })
    }
}

fn registry() -> Registry {
    let stages: Vec<Box<dyn AnyStage>> = vec![Box::new(Letters)];
    Registry::new(stages)
}

fn run(words: &[&str]) -> u8 {
    let words: Vec<OsString> = ["recoil", "hgcal", "letters"].iter().chain(words).map(OsString::from).collect();
    cli::run(&registry(), &words)
}

fn letters(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("letters.txt")).unwrap_or_default()
}

#[test]
fn files_flags_and_words_configure_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let (out, file) = (dir.path().join("out"), dir.path().join("c.yaml"));
    let (out_word, file_word) = (out.to_str().unwrap(), file.to_str().unwrap());
    std::fs::write(&file, "times: 3\nletters: [z]\n").unwrap();
    assert_eq!(run(&["-o", out_word, "--dry-run"]), 0);
    assert!(!out.exists());
    assert_eq!(run(&["-o", out_word, "-q", "-c", file_word, "--letters", "x,y", "times=2", "--seed", "7"]), 0);
    assert_eq!(letters(&out), "xyxy");
    let record = recoil_stage::provenance::Record::of_output(&out.join("letters.txt")).unwrap();
    assert_eq!(record.key.seed, 7);
    assert_eq!(record.argv.first().map(String::as_str), Some("recoil"));
    assert_eq!(run(&["-o", out_word, "-q"]), 4);
    assert_eq!(run(&["-o", out_word, "-q", "--overwrite", "lose_one=true", "--json"]), 5);
    assert_eq!(letters(&out), "a");
}

#[test]
fn mistakes_have_their_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let out = out.to_str().unwrap();
    for (words, code) in [
        (&["-o", out, "tmies=2"][..], 2),
        (&["-o", out, "times=0"], 2),
        (&["-o", out, "--threads", "0"], 2),
        (&["-o", out, "-c", "/no/such.yaml"], 2),
        (&["-o", out, "--input", "nothing=x=y"], 3),
        (&["times=2"], 2),
    ] {
        assert_eq!(run(words), code, "{words:?}");
    }
    assert!(!Path::new(out).exists());
}

#[test]
fn help_and_reference_list_the_keys() {
    let registry = registry();
    let mut program = cli::command(&registry, Detail::Only("hgcal letters"));
    let hgcal = program.find_subcommand_mut("hgcal").unwrap();
    let help = hgcal.find_subcommand_mut("letters").unwrap().render_long_help().to_string();
    for text in
        ["Each on a line of its own.", "  letters=[a]\n", "  times=1\n          How often. (whole number >= 1)\n"]
    {
        assert!(help.contains(text), "{text:?} is not in\n{help}");
    }
    let pages = crate::reference::pages(&registry).unwrap();
    let (_, page) = pages.iter().find(|(name, _)| name == "hgcal.md").unwrap();
    for text in
        ["## recoil hgcal letters\n", "| `times` | `1` | whole number >= 1 | How often. |\n", "`--letters A,B,...`"]
    {
        assert!(page.contains(text), "{text:?} is not in\n{page}");
    }
    assert_eq!(recoil_stage::verify(&Letters), Vec::<String>::new());
}
