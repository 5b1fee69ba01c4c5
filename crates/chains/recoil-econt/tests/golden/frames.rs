//! Frames of every algorithm on two to five links, and the buffer.

use recoil_econt::emulator::autoencoder::{KeepMask, bits_per_latent};
use recoil_econt::emulator::best_choice::best_choice;
use recoil_econt::emulator::buffer::{Buffer, BufferLimits, Rule};
use recoil_econt::emulator::formatter::Formatter;
use recoil_econt::emulator::frame::Frame;
use recoil_econt::emulator::registers::SYNC_WORD;
use recoil_econt::emulator::repeater::repeater;
use recoil_econt::emulator::super_cells::{SuperCell, super_trigger_cells};
use recoil_econt::emulator::threshold::threshold_sum;

use crate::blocks::{DROP, register};
use crate::table::{Mismatches, Table, read};

struct Crossings {
    charges: Vec<[u32; 48]>,
    headers: Vec<u8>,
}

fn crossings() -> Crossings {
    let charges = read("emulator/calq.csv.gz").family::<48>("CALQ");
    let headers = read("emulator/bx_cnt.csv.gz").ints("BX_CNT").into_iter().map(|bx| bx as u8).collect();
    Crossings { charges, headers }
}

fn formatter(links: usize, use_sum: bool) -> Formatter {
    Formatter { links, use_sum, sync_word: SYNC_WORD }
}

fn compare(wrong: &mut Mismatches, name: &str, table: &Table, frames: &[Frame]) {
    let words = table.family::<26>("FRAMEQ");
    let column = |name: &str| table.ints(name);
    let (sent, idle, reset) = (column("FRAMEQ_NUMW"), column("IdleWord"), column("LinkResetStatus"));
    let truncated = [column("FRAMEQ_Truncated_0"), column("FRAMEQ_Truncated_1")];
    for (row, frame) in frames.iter().enumerate() {
        wrong.compare(format!("{name}, words of row {row}"), frame.words.map(u32::from), words[row]);
        let got = (i64::from(frame.sent), i64::from(frame.idle), i64::from(frame.in_reset));
        wrong.compare(format!("{name}, rest of row {row}"), got, (sent[row], idle[row], reset[row]));
        let got = frame.truncated.map(i64::from);
        wrong.compare(format!("{name}, truncated row {row}"), got, [truncated[0][row], truncated[1][row]]);
    }
}

#[test]
fn frames_of_threshold_and_best_choice() {
    let Crossings { charges, headers } = crossings();
    let mut wrong = Mismatches::of("frames of threshold and best choice");
    for links in 2..=5 {
        for use_sum in [false, true] {
            let formatter = formatter(links, use_sum);
            let pairs = || headers.iter().zip(&charges);
            let name = format!("emulator/frame_ts_l{links}_usesum{}.csv.gz", u8::from(use_sum));
            let made = pairs().map(|(bx, q)| formatter.threshold(*bx, &threshold_sum(q, &register("threshold"), DROP)));
            compare(&mut wrong, &name, &read(&name), &made.collect::<Vec<_>>());
            let name = format!("emulator/frame_bc_l{links}_usesum{}.csv.gz", u8::from(use_sum));
            let made = pairs().map(|(bx, q)| formatter.best_choice(*bx, &best_choice(q, DROP)));
            compare(&mut wrong, &name, &read(&name), &made.collect::<Vec<_>>());
        }
    }
    wrong.none();
}

#[test]
fn frames_of_super_cells_and_repeater() {
    let Crossings { charges, headers } = crossings();
    let mut wrong = Mismatches::of("frames of super trigger cells and repeater");
    for links in 2..=5 {
        let formatter = formatter(links, true);
        let pairs = || headers.iter().zip(&charges);
        for (kind, cell) in SuperCell::ALL.into_iter().enumerate() {
            let name = format!("emulator/frame_stc{kind}_l{links}.csv.gz");
            let made = pairs().map(|(bx, q)| formatter.super_cells(*bx, &super_trigger_cells(q), cell, DROP));
            compare(&mut wrong, &name, &read(&name), &made.collect::<Vec<_>>());
        }
        let name = format!("emulator/frame_rpt_l{links}.csv.gz");
        let made = pairs().map(|(bx, q)| formatter.repeater(*bx, &repeater(q, DROP)));
        compare(&mut wrong, &name, &read(&name), &made.collect::<Vec<_>>());
    }
    wrong.none();
}

#[test]
fn frames_of_the_autoencoder() {
    let given = read("unit/ae_frames_in.csv.gz");
    let latents = given.family::<16>("OUT");
    let (sums, headers) = (given.ints("sum_code"), given.ints("BX_CNT"));
    let table = read("unit/ae_frames.csv.gz");
    let (links, events) = (table.ints("links"), table.ints("event"));
    let frames = links.iter().zip(&events).map(|(&links, &event)| {
        let (links, event) = (links as usize, event as usize);
        let keep = KeepMask::leading(bits_per_latent(links));
        let latents = latents[event].map(|latent| latent as u16);
        formatter(links, true).autoencoder(headers[event] as u8, &latents, sums[event] as u16, &keep)
    });
    let mut wrong = Mismatches::of("frames of the autoencoder");
    compare(&mut wrong, "ae_frames", &table, &frames.collect::<Vec<_>>());
    wrong.none();
}

fn compare_buffer(wrong: &mut Mismatches, name: &str, links: usize, use_sum: bool, limits: BufferLimits) {
    let Crossings { charges, headers } = crossings();
    let table = read(name);
    let words = table.family::<13>("TX_DATA");
    let rest = ["Truncated", "Nbuf", "NBXc", "Cond1", "Cond2", "Cond3", "Cond4"].map(|column| table.ints(column));
    let formatter = formatter(links, use_sum);
    let mut buffer = Buffer::new(links, limits);
    for (row, (bx, q)) in headers.iter().zip(&charges).enumerate() {
        let sent = buffer.push(&formatter.threshold(*bx, &threshold_sum(q, &register("threshold"), DROP)));
        wrong.compare(format!("{name}, links of row {row}"), sent.links, words[row]);
        let rule = |rule| i64::from(sent.rule == rule);
        let got = [
            i64::from(sent.truncated()),
            sent.waiting as i64,
            sent.new as i64,
            rule(Rule::Overflow),
            rule(Rule::NearlyFull),
            rule(Rule::LongFrame),
            rule(Rule::Room),
        ];
        wrong.compare(format!("{name}, state of row {row}"), got, std::array::from_fn(|i| rest[i][row]));
    }
}

#[test]
fn words_on_the_output_links() {
    let mut wrong = Mismatches::of("words on the output links");
    for links in 2..=5 {
        for use_sum in [false, true] {
            let name = format!("emulator/frame_bufts_l{links}_usesum{}.csv.gz", u8::from(use_sum));
            compare_buffer(&mut wrong, &name, links, use_sum, BufferLimits::of_links(links));
        }
    }
    for (links, t1, t2, t3) in [(2, 28, 10, 5), (2, 40, 4, 6), (3, 60, 20, 9)] {
        let name = format!("emulator/frame_bufts_stress_l{links}_T{t1}_{t2}_{t3}.csv.gz");
        compare_buffer(&mut wrong, &name, links, false, BufferLimits { t1, t2, t3 });
    }
    wrong.none();
}
