//! The words given to `sbatch`.

use super::super::batch::{limits, ranges, stop_file};
use super::super::{StepSubmission, refused};
use crate::error::Result;
use crate::state::StateDir;
use std::ffi::OsString;

/// The whole script of every job. It is text of this program alone: commands and names come as arguments, so that no
/// shell ever reads them.
pub(super) const SCRIPT: &str = "#!/bin/sh\nexec \"$@\" --task \"$SLURM_ARRAY_TASK_ID\"\n";
/// Name of the script in the directory of scripts.
pub(super) const SCRIPT_NAME: &str = "slurm-task.sh";

/// Options of `sbatch` that the manager needs for itself.
const RESERVED: [&str; 12] = [
    "array",
    "chdir",
    "dependency",
    "error",
    "input",
    "ntasks",
    "open-mode",
    "output",
    "parsable",
    "test-only",
    "wait",
    "wrap",
];

/// The arguments of `sbatch` for a submission. Elements of the array count from `first`.
///
/// # Errors
/// When an extra option is none, or one that the manager needs for itself.
pub(super) fn words(
    given: &StepSubmission,
    state: &StateDir,
    first: usize,
    limit_memory: bool,
    concurrent: Option<usize>,
) -> Result<Vec<OsString>> {
    let mut array = ranges(given.tasks.iter().map(|task| task.saturating_sub(first)));
    if let Some(limit) = concurrent {
        array.push_str(&format!("%{limit}"));
    }
    let mut words: Vec<OsString> = vec!["--parsable".into(), "--ntasks=1".into(), "--no-requeue".into()];
    if let Some(cpus) = given.resources.cpus {
        words.push(format!("--cpus-per-task={cpus}").into());
    }
    if let Some(bytes) = given.resources.memory_bytes {
        words.push(format!("--mem={}M", bytes.div_ceil(1 << 20)).into());
    }
    if let Some(seconds) = given.resources.time_seconds {
        words.push(format!("--time={}", clock(seconds)).into());
    }
    let resources = &given.resources;
    for (name, value) in &given.scheduler {
        // a resource that grows from try to try must not be overruled
        let known = match name.as_str() {
            "mem" => resources.memory_bytes.is_some(),
            "time" => resources.time_seconds.is_some(),
            "cpus-per-task" => resources.cpus.is_some(),
            _ => false,
        };
        if !known {
            words.push(option(name, value)?);
        }
    }
    // last, because the last word counts; the job can be found by its name, or if that is taken by its comment
    let mark = if given.scheduler.contains_key("job-name") { "comment" } else { "job-name" };
    words.push(format!("--{mark}={}", given.token).into());
    words.push(format!("--array={array}").into());
    words.push(prefixed("--chdir=", given.scripts.as_os_str().into()));
    // these mean something to Slurm, and there is no way to write them that all its versions understand
    let means = given.scripts.as_os_str().as_encoded_bytes().iter().any(|byte| matches!(byte, b'%' | b'\\'));
    let output = if means { "/dev/null".into() } else { format!("{}.out", given.token) };
    words.extend([format!("--output={output}").into(), "--open-mode=append".into()]);
    words.push(given.scripts.join(SCRIPT_NAME).into());
    words.extend(given.runner.iter().cloned());
    words.extend(["--first".into(), first.to_string().into()]);
    words.extend(["--stop-file".into(), stop_file(state, &given.token).into()]);
    words.extend(limits(&given.resources, limit_memory));
    Ok(words)
}

fn option(name: &str, value: &str) -> Result<OsString> {
    let legal = !name.is_empty()
        && !name.starts_with('-')
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !legal {
        return Err(refused("slurm", format!("'{name}' is not an option of sbatch")));
    }
    if RESERVED.contains(&name) {
        return Err(refused("slurm", format!("the option '{name}' of sbatch is set by the production itself")));
    }
    Ok(match value {
        "" | "true" => format!("--{name}").into(),
        _ => format!("--{name}={value}").into(),
    })
}

fn prefixed(prefix: &str, path: OsString) -> OsString {
    let mut word = OsString::from(prefix);
    word.push(path);
    word
}

/// `D-HH:MM:SS`.
fn clock(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    format!("{days}-{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Environment, Resources};

    fn submission(scheduler: &[(&str, &str)]) -> StepSubmission {
        StepSubmission {
            production: "p $(touch x)".into(),
            step: "s".into(),
            tasks: vec![1000, 1001, 1003],
            attempt: 2,
            token: "s.2.7".into(),
            runner: ["/bin/re coil", "--dir", "/s/a 'b\n\"$(x)%A"].map(Into::into).into(),
            resources: Resources { cpus: Some(2), memory_bytes: Some((3 << 20) + 1), time_seconds: Some(90_061) },
            concurrent: None,
            scheduler: scheduler.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            environment: Environment::default(),
            scripts: "/s/a 'b\n\"$(x)%A/scripts".into(),
            directory: "/".into(),
            specs: Vec::new(),
        }
    }

    fn of(given: &StepSubmission) -> Result<Vec<String>> {
        let state = StateDir::new("/s");
        let words = words(given, &state, 1000, true, Some(2))?;
        Ok(words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn names_are_arguments_and_never_part_of_the_script() {
        let words = of(&submission(&[("partition", "$(id) \"x\""), ("exclusive", "")])).unwrap();
        for expected in [
            "--cpus-per-task=2",
            "--mem=4M",
            "--time=1-01:01:01",
            "--partition=$(id) \"x\"",
            "--exclusive",
            "--job-name=s.2.7",
            "--array=0-1,3%2",
            "--chdir=/s/a 'b\n\"$(x)%A/scripts",
            "--output=/dev/null",
        ] {
            assert!(words.contains(&expected.to_string()), "{expected}: {words:#?}");
        }
        let script = words.iter().position(|word| word.ends_with(SCRIPT_NAME)).unwrap();
        assert_eq!(words[script + 1..][..3], ["/bin/re coil", "--dir", "/s/a 'b\n\"$(x)%A"]);
        assert!(words[..script].iter().all(|word| word.starts_with("--")));
        let words = of(&submission(&[("job-name", "mine")])).unwrap();
        assert!(words.contains(&"--job-name=mine".into()) && words.contains(&"--comment=s.2.7".into()));
    }

    #[test]
    fn options_that_would_break_the_bookkeeping_are_refused() {
        for name in ["array", "output", "wrap", "dependency", "", "-x", "a=b", "a b"] {
            assert!(of(&submission(&[(name, "1")])).is_err(), "{name}");
        }
    }
}
