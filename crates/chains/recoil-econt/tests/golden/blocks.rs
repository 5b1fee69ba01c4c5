//! Blocks of the chip on 192 bunch crossings, and the autoencoder's converter on 451 wafers.

use recoil_econt::emulator::autoencoder::convert;
use recoil_econt::emulator::best_choice::{best_choice, best_choices};
use recoil_econt::emulator::calibration::{calibrate, to_fixed};
use recoil_econt::emulator::link::{Packing, multiplex, unpack};
use recoil_econt::emulator::repeater::repeater;
use recoil_econt::emulator::super_cells::super_trigger_cells;
use recoil_econt::emulator::threshold::threshold_sum;
use serde_json::Value as Json;

use crate::table::{Mismatches, read};

/// Numbers of a list among the registers.
pub fn register(name: &str) -> [u32; 48] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/econt/emulator/registers.json");
    let all: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    std::array::from_fn(|i| all[name][i].as_u64().unwrap() as u32)
}

pub const DROP: u32 = 1;

#[test]
fn from_links_to_charges() {
    let words = read("emulator/eportrx.csv.gz").family::<12>("ePortRxDataGroup");
    let mux_in = read("emulator/mux_in.csv.gz").family::<48>("Mux_in");
    let mux_out = read("emulator/mux_out.csv.gz").family::<48>("Mux_out");
    let fixed = read("emulator/f2f.csv.gz").family::<48>("F2F");
    let calq = read("emulator/calq.csv.gz").family::<48>("CALQ");
    let select = register("mux_select").map(|input| input as usize);
    let mut wrong = Mismatches::of("from links to charges");
    for row in 0..words.len() {
        let codes = unpack(&words[row], Packing::Chip);
        wrong.compare(format!("links, row {row}"), codes.map(u32::from), mux_in[row]);
        let routed = multiplex(&codes, &select);
        wrong.compare(format!("multiplexer, row {row}"), routed.map(u32::from), mux_out[row]);
        let charges = to_fixed(&routed, DROP);
        wrong.compare(format!("fixed, row {row}"), charges, fixed[row]);
        wrong.compare(format!("calibration, row {row}"), calibrate(&charges, &register("calvalue")), calq[row]);
    }
    wrong.none();
}

#[test]
fn threshold_sums() {
    let calq = read("emulator/calq.csv.gz").family::<48>("CALQ");
    let table = read("emulator/threshold_sum.csv.gz");
    let (map, charges) = (table.family::<48>("ADDRMAP"), table.family::<48>("CHARGEQ"));
    let (sum, rest) = (table.ints("SUM"), table.ints("SUM_NOT_TRANSMITTED"));
    let mut wrong = Mismatches::of("threshold sums");
    for (row, wafer) in calq.iter().enumerate() {
        let got = threshold_sum(wafer, &register("threshold"), DROP);
        wrong.compare(format!("map {row}"), std::array::from_fn(|i| u32::from(got.passes(i))), map[row]);
        wrong.compare(format!("charges {row}"), got.charges.map(u32::from), charges[row]);
        wrong.compare(
            format!("sums {row}"),
            (i64::from(got.sum), i64::from(got.sum_not_transmitted)),
            (sum[row], rest[row]),
        );
    }
    wrong.none();
}

#[test]
fn best_choice_in_the_order_of_the_network() {
    let calq = read("emulator/calq.csv.gz").family::<48>("CALQ");
    let table = read("emulator/best_choice.csv.gz");
    let (charges, cells) = (table.family::<48>("BC_CHARGE"), table.family::<48>("BC_TC_MAP"));
    let mut together = vec![best_choice(&[0; 48], DROP); calq.len()];
    best_choices(&calq, DROP, &mut together);
    let mut wrong = Mismatches::of("best choice");
    for (row, wafer) in calq.iter().enumerate() {
        let got = best_choice(wafer, DROP);
        wrong.compare(format!("charges {row}"), got.charges, charges[row]);
        wrong.compare(format!("cells {row}"), got.cells.map(u32::from), cells[row]);
        wrong.compare(format!("side by side {row}"), together[row], got);
    }
    wrong.none();
}

#[test]
fn super_cells_and_repeater() {
    let calq = read("emulator/calq.csv.gz").family::<48>("CALQ");
    let table = read("emulator/super_trigger_cell.csv.gz");
    let (nine, seven) = (table.family::<12>("XTC4_9_SUM"), table.family::<12>("XTC4_7_SUM"));
    let (sixteen, max4) = (table.family::<3>("XTC16_9_SUM"), table.family::<12>("MAX4_ADDR"));
    let max16 = table.family::<3>("MAX16_ADDR");
    let repeated = read("emulator/repeater.csv.gz").family::<48>("RPT");
    let mut wrong = Mismatches::of("super trigger cells and repeater");
    for (row, wafer) in calq.iter().enumerate() {
        let got = super_trigger_cells(wafer);
        wrong.compare(format!("nine bits {row}"), got.codes_4_of_9().map(u32::from), nine[row]);
        wrong.compare(format!("seven bits {row}"), got.codes_4_of_7(DROP).map(u32::from), seven[row]);
        wrong.compare(format!("sixteen {row}"), got.codes_16_of_9().map(u32::from), sixteen[row]);
        wrong.compare(format!("places of 4, {row}"), got.max_4.map(u32::from), max4[row]);
        wrong.compare(format!("places of 16, {row}"), got.max_16.map(u32::from), max16[row]);
        wrong.compare(format!("repeater {row}"), repeater(wafer, DROP).map(u32::from), repeated[row]);
    }
    wrong.none();
}

#[test]
fn converter() {
    let wafers = read("unit/converter_in.csv.gz").first::<48>();
    let table = read("unit/converter_out_x128.csv.gz");
    let expected = table.first::<48>();
    let (code, sum) = (table.ints("sum_code_5e4m"), table.ints("sum"));
    let mut wrong = Mismatches::of("converter");
    for (row, wafer) in wafers.iter().enumerate() {
        let got = convert(&wafer.map(|charge| charge as u32));
        wrong.compare(format!("inputs {row}"), got.inputs.map(f64::from), expected[row]);
        wrong.compare(format!("sums {row}"), (i64::from(got.sum), i64::from(got.sum_code)), (sum[row], code[row]));
    }
    wrong.none();
}
