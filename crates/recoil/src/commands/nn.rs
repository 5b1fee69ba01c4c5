//! `recoil nn`: networks by themselves.

use crate::cli::Context;
use crate::{options, print};
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use clap::{Arg, ArgAction, ArgMatches, Command};
use recoil_nn::onnx::{Array, Model};
use recoil_stage::config::NoConfig;
use recoil_stage::error::Blame as _;
use recoil_stage::progress::Level;
use recoil_stage::{AnyStage, Description, InputRole, OutputKind, Report, Request, Run as StageRun, Stage, StageError};
use recoil_table::{Address, ReadOptions, fixed_of};
use serde_json::json;
use std::sync::Arc;

const INPUTS: &[InputRole] = &[
    InputRole::required("model", "the network", &["onnx"]),
    InputRole::required("samples", "samples, one array per input of the network", &["npy", "npz", "parquet"]).many(),
];

/// Samples that are evaluated together.
const CHUNK: usize = 1024;

struct Run;

impl Stage for Run {
    type Config = NoConfig;

    fn description(&self) -> Description {
        Description {
            name: "nn run",
            about: "Evaluate a network on samples",
            long: "",
            inputs: INPUTS,
            output: OutputKind::File { doc: "the network's output", formats: &["npy", "npz", "parquet"] },
            flags: &[],
        }
    }

    fn run(&self, _config: &NoConfig, run: &StageRun) -> Result<Report, StageError> {
        let model = run.inputs().one("model")?;
        let reading = format!("cannot read {}", model.spec());
        let model = Model::read(&model.path).input_error(reading)?;
        let mut inputs = Vec::new();
        for (index, file) in run.inputs().files().iter().filter(|file| file.role == "samples").enumerate() {
            let wanted = model.inputs.get(index).map(|(_, shape)| shape.as_slice()).unwrap_or_default();
            inputs.push(read(&file.spec(), wanted)?);
        }
        let rows = inputs.first().and_then(|array| array.shape.first()).copied().unwrap_or(0);
        if let Some(other) = inputs.iter().find(|array| array.shape.first() != Some(&rows)) {
            let found = other.shape.first().copied().unwrap_or(0);
            return Err(StageError::input(format!("the inputs have {rows} and {found} samples")));
        }
        let evaluating = || "cannot evaluate the network";
        let mut all: Option<Array> = None;
        let progress = run.progress("evaluating", "samples", Some(rows as u64));
        for first in (0..rows).step_by(CHUNK) {
            run.check()?;
            let count = CHUNK.min(rows - first);
            let part = |array: &Array| {
                let width = array.values.len() / rows;
                let mut shape = array.shape.clone();
                if let Some(size) = shape.first_mut() {
                    *size = count;
                }
                Array { shape, values: array.values[first * width..(first + count) * width].to_vec() }
            };
            let parts: Vec<Array> = inputs.iter().map(part).collect();
            let found = model.evaluate(&parts).input_error(evaluating())?;
            match &mut all {
                Some(all) => all.values.extend(found.values),
                None => all = Some(found),
            }
            progress.add(count as u64);
        }
        let all = all.ok_or_else(|| StageError::input("there are no samples"))?;
        let shape: Vec<usize> = all.shape.iter().skip(1).copied().collect();
        write(run, rows, &shape, all.values)?;
        Ok(Report::new().value("samples", rows).value("outputs", shape.iter().product::<usize>()))
    }
}

/// An array of samples, in the shape that the network wants if the numbers fill it.
fn read(address: &str, wanted: &[i64]) -> Result<Array, StageError> {
    let reading = || format!("cannot read {address}");
    let batch = recoil_table::open(address, &ReadOptions::default())
        .and_then(|mut reader| reader.read_all())
        .input_error(reading())?;
    let rows = batch.rows();
    let (mut shape, mut values) = (vec![rows], Vec::new());
    let columns = batch.records().columns();
    if let [column] = columns {
        let mut column: ArrayRef = column.clone();
        while let Some(list) = column.as_fixed_size_list_opt() {
            shape.push(usize::try_from(list.value_length()).unwrap_or(0));
            let width = list.value_length() as usize;
            column = list.values().slice(list.value_offset(0) as usize, list.len() * width);
        }
        values = numbers(address, &column)?;
    } else {
        // a table: one column per feature
        let columns: Vec<Vec<f32>> = columns.iter().map(|column| numbers(address, column)).collect::<Result<_, _>>()?;
        shape.push(columns.len());
        for row in 0..rows {
            values.extend(columns.iter().filter_map(|column| column.get(row)));
        }
    }
    let sizes: Vec<usize> = wanted.iter().skip(1).map(|&size| usize::try_from(size).unwrap_or(0)).collect();
    if !sizes.contains(&0) && rows * sizes.iter().product::<usize>() == values.len() {
        shape = std::iter::once(rows).chain(sizes).collect();
    }
    Ok(Array { shape, values })
}

fn numbers(address: &str, column: &ArrayRef) -> Result<Vec<f32>, StageError> {
    let single = arrow_cast::cast(column, &DataType::Float32).input_error(format!("cannot read {address}"))?;
    let single = single.as_primitive::<arrow_array::types::Float32Type>();
    match single.iter().position(|value| value.is_none_or(|value| !value.is_finite())) {
        Some(index) => Err(StageError::input(format!("{address}: element {index} is not a finite number"))),
        None => Ok(single.values().to_vec()),
    }
}

fn write(run: &StageRun, rows: usize, shape: &[usize], values: Vec<f32>) -> Result<(), StageError> {
    let writing = "cannot write the output";
    let mut kind = DataType::Float32;
    let mut array: ArrayRef = Arc::new(Float32Array::from(values));
    for &size in shape.iter().rev() {
        let item = Arc::new(Field::new("item", kind.clone(), false));
        let size = i32::try_from(size).internal_error(writing)?;
        kind = fixed_of(kind, size);
        array = Arc::new(FixedSizeListArray::try_new(item, size, array, None).internal_error(writing)?);
    }
    debug_assert_eq!(array.len(), rows);
    let schema = Arc::new(Schema::new(vec![Field::new("value", kind, false)]));
    let records = RecordBatch::try_new(schema.clone(), vec![array]).internal_error(writing)?;
    let address = Address::of_path(&run.output_file()?).output_error(writing)?;
    let mut writer = recoil_table::create(&address, &schema).output_error(writing)?;
    writer.write(&records).output_error(writing)?;
    writer.finish(Some(&run.embedded_provenance())).output_error(writing)
}

pub(crate) fn command() -> Command {
    let input = Arg::new("input").short('i').long("input").value_name("FILE").required(true).action(ArgAction::Append);
    Command::new("nn").about("Run neural networks").subcommand_required(true).arg_required_else_help(true).subcommand(
        Command::new("run")
            .about("Evaluate an ONNX network on samples")
            .after_help(
                "Evaluates the operators that recoil exports (opset 13: Gemm, Conv, ConvTranspose, MaxPool, Relu, \
                     Sigmoid, Tanh, Transpose, Reshape, Gather, Concat and arithmetic) in single precision.",
            )
            .arg(Arg::new("model").value_name("MODEL.onnx").required(true).help("The network"))
            .arg(input.help("Samples (npy, npz, parquet); one file per input of the network, in its order"))
            .arg(options::output("FILE", "Output: what the network gives (npy, npz, parquet)").required(true))
            .args(options::running()),
    )
}

pub(crate) fn run(matches: &ArgMatches, context: &Context<'_>) -> Result<u8, StageError> {
    let Some(("run", own)) = matches.subcommand() else { return Ok(0) };
    let model: Vec<String> = options::all(own, "model");
    let request = Request {
        given: Vec::new(),
        inputs: model
            .iter()
            .map(|model| format!("model={model}"))
            .chain(options::all::<String>(own, "input").iter().map(|file| format!("samples={file}")))
            .collect(),
        output: own.get_one("output").cloned(),
        seed: None,
    };
    let prepared = Run.prepare(&request)?;
    if own.get_flag("dry-run") {
        let files: Vec<String> = prepared.inputs.files().iter().map(|file| file.spec()).collect();
        print::json(&json!({"inputs": files, "outputs": prepared.output_paths().collect::<Vec<_>>()}))?;
        return Ok(0);
    }
    let run_options = options::run_options(own, &context.argv)?;
    let outcome = Run.execute(&prepared, &run_options)?;
    for path in prepared.output_paths() {
        run_options.observer.message(Level::Info, &format!("wrote {}", path.display()));
    }
    if own.get_flag("json") {
        print::json(
            &json!({"outputs": prepared.output_paths().collect::<Vec<_>>(), "report": outcome.report.to_json()}),
        )?;
    } else {
        print::data(&outcome.report.to_text())?;
    }
    Ok(outcome.exit_code())
}
