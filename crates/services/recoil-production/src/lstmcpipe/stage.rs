//! The stages of a production and the kinds of commands that carry them out.

use crate::model::Resources;

/// Who carries out the stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The commands of lstchain.
    Lstchain,
    /// ctapipe up to DL1, lstchain from then on.
    Ctapipe,
    /// HiPeRTA up to DL1, lstchain from then on.
    Hiperta,
    /// The stages of recoil itself.
    Recoil,
}

impl Kind {
    /// The words of the key `workflow_kind`.
    pub const NAMES: [&str; 4] = ["lstchain", "ctapipe", "hiperta", "recoil"];

    /// The kind of a word.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "lstchain" => Some(Self::Lstchain),
            "ctapipe" => Some(Self::Ctapipe),
            "hiperta" => Some(Self::Hiperta),
            "recoil" => Some(Self::Recoil),
            _ => None,
        }
    }
}

/// A stage, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Raw simulation to DL1, file by file.
    R0ToDl1,
    /// DL1 to DL1 with other cleaning or more noise, file by file.
    Dl1ab,
    /// Files of a directory shared out for training and testing.
    TrainTestSplit,
    /// Files of a directory into one.
    MergeDl1,
    /// Random forests from diffuse gammas and protons.
    TrainPipe,
    /// Forests applied.
    Dl1ToDl2,
    /// Instrument response functions.
    Dl2ToIrfs,
    /// Sensitivity.
    Dl2ToSensitivity,
}

const GB: u64 = 1 << 30;

impl Stage {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::R0ToDl1,
        Self::Dl1ab,
        Self::TrainTestSplit,
        Self::MergeDl1,
        Self::TrainPipe,
        Self::Dl1ToDl2,
        Self::Dl2ToIrfs,
        Self::Dl2ToSensitivity,
    ];

    /// Their names in `stages_to_run`.
    pub const NAMES: [&str; 8] = [
        "r0_to_dl1",
        "dl1ab",
        "train_test_split",
        "merge_dl1",
        "train_pipe",
        "dl1_to_dl2",
        "dl2_to_irfs",
        "dl2_to_sensitivity",
    ];

    /// The stage of a name.
    pub fn of(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|known| *known == name).and_then(|index| Self::ALL.get(index)).copied()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// Its place in the order; stages of the same place do not wait for each other.
    pub fn phase(self) -> u32 {
        match self {
            Self::R0ToDl1 | Self::Dl1ab => 1,
            Self::TrainTestSplit => 2,
            Self::MergeDl1 => 3,
            Self::TrainPipe => 4,
            Self::Dl1ToDl2 => 5,
            Self::Dl2ToIrfs | Self::Dl2ToSensitivity => 6,
        }
    }

    /// Partition and resources of a step that says nothing about them.
    pub fn defaults(self) -> (&'static str, Resources) {
        let needs = |cpus, memory| Resources { cpus, memory_bytes: memory, time_seconds: None };
        match self {
            Self::R0ToDl1 | Self::Dl1ab | Self::MergeDl1 => ("long", needs(None, None)),
            Self::TrainTestSplit | Self::Dl2ToIrfs => ("short", needs(None, None)),
            Self::TrainPipe => ("xxl", needs(Some(16), Some(100 * GB))),
            Self::Dl1ToDl2 | Self::Dl2ToSensitivity => ("short", needs(None, Some(32 * GB))),
        }
    }

    /// Whether the stage works file by file on a directory.
    pub fn is_dl1(self) -> bool {
        matches!(self, Self::R0ToDl1 | Self::Dl1ab)
    }

    /// Whether steps of the stage have `options`.
    pub fn reads_options(self) -> bool {
        matches!(self, Self::MergeDl1 | Self::Dl2ToIrfs)
    }

    /// The stage that makes the files which this one reads, for messages.
    pub fn before(self) -> Option<&'static str> {
        match self {
            Self::R0ToDl1 | Self::Dl1ab => None,
            Self::TrainTestSplit => Some("the DL1 stage"),
            Self::MergeDl1 => Some("the DL1 stage or train_test_split"),
            Self::TrainPipe | Self::Dl1ToDl2 => Some("merge_dl1 or train_pipe"),
            Self::Dl2ToIrfs | Self::Dl2ToSensitivity => Some("dl1_to_dl2"),
        }
    }
}
