//! The files that a stage reads, by role.

use crate::error::{Blame, StageError};
use crate::stage::InputRole;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// One input: a file, and the part of it (a tree) if the user named one as `file.root:dir/tree`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// The role that it plays, one of the stage's [`InputRole`]s.
    pub role: String,
    /// The file.
    pub path: PathBuf,
    /// What follows the colon.
    pub part: Option<String>,
}

impl InputFile {
    /// Takes `file` or `file:part` apart. A colon belongs to the file name if a file of that whole name exists.
    pub fn parse(role: &str, text: &str) -> Self {
        let whole = || Self { role: role.into(), path: text.into(), part: None };
        if Path::new(text).exists() {
            return whole();
        }
        match text.rsplit_once(':') {
            Some((path, part)) if !path.is_empty() && !part.is_empty() => {
                Self { role: role.into(), path: path.into(), part: Some(part.into()) }
            }
            _ => whole(),
        }
    }

    /// `file` or `file:part`, as readers of tables take it.
    pub fn spec(&self) -> String {
        match &self.part {
            Some(part) => format!("{}:{part}", self.path.display()),
            None => self.path.display().to_string(),
        }
    }

    /// The last component of the path.
    pub fn file_name(&self) -> String {
        self.path
            .file_name()
            .map_or_else(|| self.path.display().to_string(), |name| name.to_string_lossy().into_owned())
    }
}

/// The inputs of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    files: Vec<InputFile>,
}

impl Inputs {
    /// Sorts the words after `--input` into roles: `ROLE=FILE`, or `FILE` for the first role.
    ///
    /// # Errors
    /// An unknown or repeated role, a role that must be given and is not, or an input of a stage that takes none.
    pub fn parse(words: &[String], roles: &[InputRole]) -> Result<Self, StageError> {
        let mut files: Vec<InputFile> = Vec::new();
        for word in words {
            let named = word
                .split_once('=')
                .and_then(|(name, file)| roles.iter().find(|role| role.role == name).map(|role| (role, file)));
            let (role, file) = match (named, roles.first()) {
                (Some(named), _) => named,
                (None, Some(first)) => (first, word.as_str()),
                (None, None) => return Err(StageError::usage(format!("this stage takes no input, found '{word}'"))),
            };
            if file.is_empty() {
                return Err(StageError::usage(format!("the input '{}' has an empty name", role.role)));
            }
            if !role.many && files.iter().any(|known| known.role == role.role) {
                return Err(StageError::usage(format!("the input '{}' is given twice, with '{file}'", role.role)));
            }
            files.push(InputFile::parse(role.role, file));
        }
        for role in roles.iter().filter(|role| role.required) {
            if !files.iter().any(|file| file.role == role.role) {
                let how = if roles.len() == 1 { String::new() } else { format!("{}=", role.role) };
                return Err(StageError::usage(format!("missing input: --input {how}FILE ({})", role.doc)));
            }
        }
        Ok(Self { files })
    }

    /// All inputs in the order given.
    pub fn files(&self) -> &[InputFile] {
        &self.files
    }

    /// The inputs of a role.
    pub fn all<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'a InputFile> {
        self.files.iter().filter(move |file| file.role == role)
    }

    /// The only input of a role, if given.
    pub fn optional(&self, role: &str) -> Option<&InputFile> {
        self.files.iter().find(|file| file.role == role)
    }

    /// The only input of a role that must be given.
    ///
    /// # Errors
    /// When the role was not given, which is a mistake in the stage's description.
    pub fn one(&self, role: &str) -> Result<&InputFile, StageError> {
        self.optional(role)
            .ok_or_else(|| StageError::internal(format!("the stage does not declare the input '{role}'")))
    }
}

/// What a file or directory holds, for provenance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// SHA-256 in hexadecimal; of a directory, that of its files' names and hashes in order.
    pub sha256: String,
    /// Size, summed over a directory.
    pub bytes: u64,
}

impl Content {
    /// Reads a file, or all files of a directory but hidden ones and provenance records.
    ///
    /// # Errors
    /// An input error that names the file.
    pub fn of(path: &Path) -> Result<Self, StageError> {
        let shown = path.display();
        let meta = std::fs::metadata(path).input_error(format!("cannot read {shown}"))?;
        if !meta.is_dir() {
            return Self::of_file(path).input_error(format!("cannot read {shown}"));
        }
        let mut names: Vec<_> = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>())
            .input_error(format!("cannot list {shown}"))?;
        names.sort();
        let mut hasher = Sha256::new();
        let mut bytes = 0;
        for name in names {
            let text = name.to_string_lossy();
            if text.starts_with('.') || text.ends_with(".prov.json") {
                continue;
            }
            let content = Self::of(&path.join(&name))?;
            hasher.update(format!("{text}\0{}\n", content.sha256));
            bytes += content.bytes;
        }
        Ok(Self { sha256: hex(&hasher.finalize()), bytes })
    }

    fn of_file(path: &Path) -> std::io::Result<Self> {
        let mut file = std::fs::File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
            bytes += count as u64;
        }
        Ok(Self { sha256: hex(&hasher.finalize()), bytes })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    const ROLES: &[InputRole] = &[
        InputRole::required("cells", "trigger cells", &["parquet"]),
        InputRole::optional("truth", "generated particles", &["parquet"]),
        InputRole::optional("more", "more of them", &["parquet"]).many(),
    ];

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn words_are_sorted_into_roles() {
        let inputs =
            Inputs::parse(&words(&["a.root:dir/tree", "truth=t=1.parquet", "more=x", "more=y"]), ROLES).unwrap();
        assert_eq!(inputs.one("cells").unwrap().part.as_deref(), Some("dir/tree"));
        assert_eq!(inputs.one("cells").unwrap().spec(), "a.root:dir/tree");
        assert_eq!(inputs.optional("truth").unwrap().path, Path::new("t=1.parquet"));
        assert_eq!(inputs.all("more").count(), 2);
        // a name with '=' that is no role is a file of the first role
        assert_eq!(
            Inputs::parse(&words(&["pt=5.parquet"]), ROLES).unwrap().one("cells").unwrap().spec(),
            "pt=5.parquet"
        );
    }

    #[test]
    fn wrong_inputs_are_usage_errors() {
        for (given, expected) in [
            (&["truth=a"][..], "missing input: --input cells=FILE (trigger cells)"),
            (&["a", "b"], "the input 'cells' is given twice, with 'b'"),
            (&["cells="], "the input 'cells' has an empty name"),
        ] {
            assert_eq!(Inputs::parse(&words(given), ROLES).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn contents_of_a_file_and_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Content::of(&dir.path().join("a")).unwrap(), Content { sha256: abc.into(), bytes: 3 });
        let before = Content::of(dir.path()).unwrap();
        std::fs::write(dir.path().join("a.prov.json"), "{}").unwrap();
        assert_eq!(Content::of(dir.path()).unwrap(), before);
        std::fs::write(dir.path().join("b"), "x").unwrap();
        assert_ne!(Content::of(dir.path()).unwrap(), before);
    }
}
