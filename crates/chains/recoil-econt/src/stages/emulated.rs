//! Columns of emulated crossings.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray, UInt32Array};
use arrow_schema::{DataType, Field};

use super::families::transposed;
use crate::data::columns::{ColumnDef, ColumnType, FamilyDef};
use crate::emulator::autoencoder::{LATENTS, word};
use crate::emulator::buffer::{Rule, Sent};
use crate::emulator::chip::Block;
use crate::emulator::formatter::{Algorithm, LINKS_OUT};
use crate::emulator::frame::{Frame, WORDS};
use crate::wafer::CELLS;

/// One wafer at one crossing on its way through the chip.
pub struct Crossing {
    /// Header of the crossing.
    pub header: u8,
    /// What the algorithm's block makes.
    pub block: Block,
    /// Outputs of the autoencoder's encoder.
    pub latents: Option<[u16; LATENTS]>,
    /// The frame.
    pub frame: Option<Frame>,
    /// What leaves the buffer.
    pub sent: Option<Sent>,
    /// What reaches the back end, in the order of the input.
    pub received: Option<[f64; CELLS]>,
}

const fn family(prefix: &'static str, count: usize, doc: &'static str) -> FamilyDef {
    FamilyDef { prefix, count, ty: ColumnType::U32, unit: "", doc }
}

const fn number(name: &'static str, doc: &'static str) -> ColumnDef {
    ColumnDef { name, ty: ColumnType::U32, unit: "", doc }
}

const RECEIVED: FamilyDef = FamilyDef {
    prefix: "CALQ",
    count: CELLS,
    ty: ColumnType::F64,
    unit: "counts",
    doc: "charge of cell {} that reaches the back end, in the order of the input",
};

const CROSSING: ColumnDef = number("BX_CNT", "header of the bunch crossing");

const THRESHOLD: &[FamilyDef] =
    &[family("ADDRMAP", CELLS, "1 if cell {} passes"), family("CHARGEQ", CELLS, "code of passing charge {}")];
const THRESHOLD_SUMS: &[ColumnDef] = &[
    number("SUM", "code of the sum of all cells"),
    number("SUM_NOT_TRANSMITTED", "code of the sum of the cells that fail"),
];
const BEST_CHOICE: &[FamilyDef] = &[
    family("BC_CHARGE", CELLS, "charge {} in falling order, without its dropped bits"),
    family("BC_TC_MAP", CELLS, "cell of charge {}"),
];
const SUPER_CELLS: &[FamilyDef] = &[
    family("XTC4_9_SUM", 12, "nine-bit code of the sum of 2x2 cells {}"),
    family("XTC16_9_SUM", 3, "nine-bit code of the sum of 4x4 cells {}"),
    family("XTC4_7_SUM", 12, "seven-bit code of the sum of 2x2 cells {}"),
    family("MAX4_ADDR", 12, "place of the largest of 2x2 cells {}"),
    family("MAX16_ADDR", 3, "place of the largest of 4x4 cells {}"),
];
const REPEATER: &[FamilyDef] = &[family("RPT", CELLS, "code of cell {}")];
const CONVERTER: &[FamilyDef] =
    &[family("AE_IN", CELLS, "charge {} as the converter normalises it, in units of 1/128, in the order of the input")];
const CONVERTER_SUMS: &[ColumnDef] =
    &[number("SUM", "sum of the charges in counts"), number("sum_code", "nine-bit code of the sum")];
const OUTPUTS: FamilyDef = family("OUT", LATENTS, "latent number {} in units of 1/256");

const FRAME: FamilyDef = family("FRAMEQ", WORDS, "word {} of the frame");
const FRAME_REST: &[ColumnDef] = &[
    number("FRAMEQ_NUMW", "words that are sent"),
    number("FRAMEQ_Truncated_0", "first word of the truncated frame"),
    number("FRAMEQ_Truncated_1", "second word of the truncated frame"),
    number("IdleWord", "what fills the frame"),
    number("LinkResetStatus", "1 while the output links are being reset"),
];
const SENT: FamilyDef = family("TX_DATA", LINKS_OUT, "word of output link {}");
const SENT_REST: &[ColumnDef] = &[
    number("Truncated", "1 if the buffer took the truncated frame"),
    number("Nbuf", "words that waited in the buffer"),
    number("NBXc", "words of the new frame"),
    number("Cond1", "1 if the frame would have overfilled the buffer"),
    number("Cond2", "1 if the buffer was nearly full and the frame short"),
    number("Cond3", "1 if the buffer was nearly full and the frame long"),
    number("Cond4", "1 if there was room"),
];

fn blocks(algorithm: Algorithm) -> (&'static [FamilyDef], &'static [ColumnDef]) {
    match algorithm {
        Algorithm::Threshold => (THRESHOLD, THRESHOLD_SUMS),
        Algorithm::SuperTriggerCell => (SUPER_CELLS, &[]),
        Algorithm::BestChoice => (BEST_CHOICE, &[]),
        Algorithm::Repeater => (REPEATER, &[]),
        Algorithm::Autoencoder => (CONVERTER, CONVERTER_SUMS),
    }
}

/// Which columns the table has.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// What the chip runs.
    pub algorithm: Algorithm,
    /// Bits that charges lose before they are encoded.
    pub drop: u32,
    /// Whether there are outputs of an encoder.
    pub latents: bool,
    /// Whether there are frames.
    pub frames: bool,
    /// Whether there are charges at the end.
    pub received: bool,
}

impl Columns {
    /// The columns of the table.
    pub fn fields(&self) -> Vec<Field> {
        let (families, numbers) = blocks(self.algorithm);
        let mut all = vec![CROSSING.field()];
        all.extend(families.iter().flat_map(|family| family.fields().collect::<Vec<_>>()));
        all.extend(numbers.iter().map(ColumnDef::field));
        if self.latents {
            all.extend(OUTPUTS.fields());
            let doc = "word that the encoder hands to the formatter, in hexadecimal digits";
            all.push(recoil_table::field("hex", DataType::Utf8, "", doc));
        }
        if self.frames {
            all.extend(FRAME.fields().chain(FRAME_REST.iter().map(ColumnDef::field)));
            if self.algorithm == Algorithm::Threshold {
                all.extend(SENT.fields().chain(SENT_REST.iter().map(ColumnDef::field)));
            }
        }
        if self.received {
            all.extend(RECEIVED.fields());
        }
        all
    }

    /// The columns of some rows, in the same order.
    pub fn of(&self, rows: &[Crossing]) -> Vec<ArrayRef> {
        let mut all = vec![column(rows.iter().map(|row| row.header.into()))];
        block_columns(rows, self.drop, &mut all);
        if self.latents {
            let latents: Vec<[u32; LATENTS]> =
                rows.iter().map(|row| row.latents.unwrap_or_default().map(u32::from)).collect();
            all.extend(transposed(&latents));
            let code = |block: &Block| match block {
                Block::Autoencoder(converted) => converted.sum_code,
                _ => 0,
            };
            let words = rows.iter().map(|row| word(&row.latents.unwrap_or_default(), code(&row.block)));
            all.push(Arc::new(StringArray::from_iter_values(words)));
        }
        if self.frames {
            frame_columns(rows, &mut all);
            if self.algorithm == Algorithm::Threshold {
                sent_columns(rows, &mut all);
            }
        }
        if self.received {
            all.extend((0..CELLS).map(|cell| {
                let value = |row: &Crossing| row.received.and_then(|kept| kept.get(cell).copied()).unwrap_or_default();
                Arc::new(Float64Array::from_iter_values(rows.iter().map(value))) as ArrayRef
            }));
        }
        all
    }
}

fn frame_columns(rows: &[Crossing], all: &mut Vec<ArrayRef>) {
    let frames: Vec<Frame> = rows.iter().map(|row| row.frame.unwrap_or_default()).collect();
    all.extend(transposed(&frames.iter().map(|frame| frame.words.map(u32::from)).collect::<Vec<_>>()));
    let of = |value: fn(&Frame) -> u32| column(frames.iter().map(value));
    all.extend([
        of(|frame| frame.sent.into()),
        of(|frame| frame.truncated[0].into()),
        of(|frame| frame.truncated[1].into()),
        of(|frame| frame.idle.into()),
        of(|frame| frame.in_reset.into()),
    ]);
}

fn column(values: impl Iterator<Item = u32>) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(values))
}

/// Appends a family of columns.
fn family_of<const N: usize>(rows: &[Crossing], all: &mut Vec<ArrayRef>, value: impl Fn(&Block) -> Option<[u32; N]>) {
    let values: Vec<[u32; N]> = rows.iter().filter_map(|row| value(&row.block)).collect();
    if !values.is_empty() {
        all.extend(transposed(&values));
    }
}

fn block_columns(rows: &[Crossing], drop: u32, all: &mut Vec<ArrayRef>) {
    macro_rules! of {
        ($kind:ident, $block:ident => $value:expr) => {
            family_of(rows, all, |block| match block {
                Block::$kind($block) => Some($value),
                _ => None,
            })
        };
    }
    of!(Threshold, b => std::array::from_fn::<u32, CELLS, _>(|cell| b.passes(cell).into()));
    of!(Threshold, b => b.charges.map(u32::from));
    of!(Threshold, b => [u32::from(b.sum), u32::from(b.sum_not_transmitted)]);
    of!(BestChoice, b => b.charges);
    of!(BestChoice, b => b.cells.map(u32::from));
    of!(SuperCells, b => b.codes_4_of_9().map(u32::from));
    of!(SuperCells, b => b.codes_16_of_9().map(u32::from));
    of!(SuperCells, b => b.codes_4_of_7(drop).map(u32::from));
    of!(SuperCells, b => b.max_4.map(u32::from));
    of!(SuperCells, b => b.max_16.map(u32::from));
    of!(Repeater, b => b.map(u32::from));
    of!(Autoencoder, b => b.inputs.map(u32::from));
    of!(Autoencoder, b => [b.sum, u32::from(b.sum_code)]);
}

fn sent_columns(rows: &[Crossing], all: &mut Vec<ArrayRef>) {
    let sent: Vec<Sent> = rows.iter().filter_map(|row| row.sent).collect();
    all.extend(transposed(&sent.iter().map(|sent| sent.links).collect::<Vec<_>>()));
    let of = |value: fn(&Sent) -> u32| column(sent.iter().map(value));
    all.extend([
        of(|sent| sent.truncated().into()),
        of(|sent| sent.waiting as u32),
        of(|sent| sent.new as u32),
        of(|sent| (sent.rule == Rule::Overflow).into()),
        of(|sent| (sent.rule == Rule::NearlyFull).into()),
        of(|sent| (sent.rule == Rule::LongFrame).into()),
        of(|sent| (sent.rule == Rule::Room).into()),
    ]);
}
