//! What the table holds.

use std::collections::BTreeMap;
use std::path::Path;

use super::expression::parse;
use super::program::Program;
use crate::error::{Result, TauError};

/// A cone around the candidate, and the grid that covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cone {
    /// No cone: numbers of the candidate.
    Global,
    /// The signal cone.
    Inner,
    /// The isolation cone.
    Outer,
}

impl Cone {
    /// The cones that have a grid.
    pub const GRIDS: [Self; 2] = [Self::Inner, Self::Outer];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Inner => "inner",
            Self::Outer => "outer",
        }
    }
}

/// How a feature becomes a number of order one.
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// As it is.
    None,
    /// As it is, and the number means a kind.
    Categorical,
    /// The range between two limits becomes [-1, 1]; by cone, or `Global` for all.
    Linear(BTreeMap<Cone, [f64; 2]>),
    /// Less the mean, by the standard deviation; cut at these many standard deviations.
    Normal([f64; 2]),
}

impl Scaling {
    /// Its name in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Categorical => "categorical",
            Self::Linear(_) => "linear",
            Self::Normal(_) => "normal",
        }
    }
}

/// One network input.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Name, unique in its block.
    pub name: String,
    /// Which objects have it; all without a selection.
    pub selection: Option<String>,
    /// Its value.
    pub expression: String,
    /// How it is scaled.
    pub scaling: Scaling,
    /// Whether networks see it.
    pub enabled: bool,
}

/// What the features of a block describe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The candidate: network inputs of their own.
    Flat,
    /// The candidate, in every cell of the grid that is not empty.
    Global,
    /// Objects near the candidate: columns that begin with the name of the collection.
    Objects {
        /// Beginning of the columns' names, such as `pfCand`.
        collection: String,
        /// Which of them.
        only: Option<String>,
    },
}

/// A group of features in the order of the network's inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Name, such as `PfCand_electron`.
    pub name: String,
    /// What it describes.
    pub scope: Scope,
    /// The features.
    pub features: Vec<Feature>,
}

/// Cells around the candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Cells along each side.
    pub cells: usize,
    /// Width of a cell in pseudorapidity and azimuth.
    pub cell_size: f64,
}

/// The whole table.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureTable {
    /// All blocks.
    pub blocks: Vec<Block>,
    /// Grid of the signal cone.
    pub inner: Grid,
    /// Grid of the isolation cone.
    pub outer: Grid,
    /// Radius of the isolation cone.
    pub isolation_cone: f64,
    /// Whether the outer grid leaves out what lies in the inner cone.
    pub remove_inner_from_outer: bool,
    /// Name and blocks of what each single-cell network sees.
    pub inputs: Vec<(String, Vec<String>)>,
}

/// The table that is used without another.
pub const DEFAULT: &str = include_str!("default.yaml");

impl FeatureTable {
    /// The default table.
    ///
    /// # Errors
    /// None, unless the program was built wrongly.
    pub fn shipped() -> Result<Self> {
        Self::of_text(DEFAULT, "the default table")
    }

    /// Reads a table: YAML as the default is written, or the layout of the older tools (JSON or YAML).
    ///
    /// # Errors
    /// Files that cannot be read, tables that make no sense.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
        Self::of_text(&text, &path.display().to_string())
    }

    /// The table that `text` holds; `file` is for messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of_text(text: &str, file: &str) -> Result<Self> {
        super::read::table(text, file)
    }

    /// The grid of a cone; the outer one for [`Cone::Global`].
    pub fn grid(&self, cone: Cone) -> Grid {
        if cone == Cone::Inner { self.inner } else { self.outer }
    }

    /// The block called `name`.
    pub fn block(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.name == name)
    }

    /// The block of the candidate's own inputs.
    pub fn flat(&self) -> Option<&Block> {
        self.blocks.iter().find(|block| block.scope == Scope::Flat)
    }

    /// The block that every cell has.
    pub fn global(&self) -> Option<&Block> {
        self.blocks.iter().find(|block| block.scope == Scope::Global)
    }

    /// Blocks of objects.
    pub fn objects(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(|block| matches!(block.scope, Scope::Objects { .. }))
    }
}

impl Block {
    /// Beginning of the columns of its objects.
    pub fn collection(&self) -> Option<&str> {
        match &self.scope {
            Scope::Objects { collection, .. } => Some(collection),
            Scope::Flat | Scope::Global => None,
        }
    }

    /// The cones for which its features are scaled.
    pub fn cones(&self) -> &'static [Cone] {
        match self.scope {
            Scope::Objects { .. } => &Cone::GRIDS,
            Scope::Flat | Scope::Global => &[Cone::Global],
        }
    }

    /// Features that networks see, in their order.
    pub fn enabled(&self) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(|feature| feature.enabled)
    }

    /// Compiles the given features to one program. Output 2 i is the value of feature i, output 2 i + 1 tells whether it
    /// is there.
    ///
    /// # Errors
    /// Expressions that cannot be understood.
    pub fn compile<'a>(&self, features: impl IntoIterator<Item = &'a Feature>) -> Result<Program> {
        let mut program = Program::new();
        let place = |feature: &Feature| format!("blocks.{}.{}", self.name, feature.name);
        for feature in features {
            let refuse =
                |error: super::expression::ExpressionError| TauError::config(place(feature), error.to_string());
            program.add(&parse(&feature.expression).map_err(refuse)?, self.collection());
            let selection = feature.selection.as_deref().unwrap_or("1");
            program.add(&parse(selection).map_err(refuse)?, self.collection());
        }
        Ok(program)
    }

    /// Compiles the condition that objects belong to this block; `None` if all do.
    ///
    /// # Errors
    /// A condition that cannot be understood.
    pub fn membership(&self) -> Result<Option<Program>> {
        let Scope::Objects { collection, only: Some(only) } = &self.scope else { return Ok(None) };
        let node =
            parse(only).map_err(|error| TauError::config(format!("objects.{}", self.name), error.to_string()))?;
        let mut program = Program::new();
        program.add(&node, Some(collection));
        Ok(Some(program))
    }
}
