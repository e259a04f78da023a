//! `batchscore model check`: what a model gives for data, beside what is expected.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType, SchemaRef};
use clap::Args;

use super::compare::{self, ColumnDifference};
use super::{ExitCode, Failure, LibraryArgs, ReadArgs, records};
use crate::data::{Block, ElementType, FeatureNeeds, MiniBatch, NamedFeature};
use crate::engine::score_mini_batch;
use crate::input::{self, ColumnPlan, Header, InputSettings};
use crate::policy::MiniBatchSize;
use crate::scorer::{self, Engine, Scorer};
use crate::storage::Pointer;

/// Shown under the help.
pub const HELP: &str = "\
Predictions are matched by the columns `row` (and `file`, for data in several files) if there are any, and else by
their order. The exit code is 0 when they are the same, and 5 when they differ.";

/// Rows given to one call of the model.
const ROWS_A_CALL: u64 = 1000;

/// Differences that are told one by one.
const TOLD: usize = 10;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The model file
    model: PathBuf,

    /// The data to score: a file, folder, glob or URI
    #[arg(long, value_name = "POINTER")]
    data: String,

    /// The predictions that are expected: CSV with a header, JSON lines, Parquet or Arrow
    #[arg(long, value_name = "FILE")]
    expect: String,

    /// How far numbers may be apart: so much, and so much of the expected number
    #[arg(long, value_name = "NUMBER", default_value_t = 1e-5)]
    tolerance: f64,

    /// The model's results to compare; all unless given
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    columns: Vec<String>,

    /// What runs an ONNX model: tract, ort (ONNX Runtime, where it is installed), or auto
    #[arg(long, value_name = "ENGINE", default_value_t = Engine::Auto)]
    engine: Engine,

    #[command(flatten)]
    library: LibraryArgs,

    #[command(flatten)]
    read: ReadArgs,
}

/// Where a record stands: its file and row.
type Place = (String, u64);

pub fn check(args: &CheckArgs) -> Result<ExitCode, Failure> {
    if !(args.tolerance >= 0.0 && args.tolerance.is_finite()) {
        return Err(usage(format!("--tolerance is {}: write a number from 0 up", args.tolerance)));
    }
    let (pointers, mut settings) = args.read.resolve(&args.data)?;
    settings.mini_batch_size = MiniBatchSize::Items(ROWS_A_CALL);
    let scorer = scorer::load(&args.model, &args.library.settings(args.engine))?;
    let schema = scorer.output_schema();
    let columns = wanted_columns(&schema, &args.columns)?;
    let expected = Expected::read(&args.expect, &schema, &columns)?;
    let scored =
        Scored::of(scorer.as_ref(), &records::read(&super::stores(&pointers)?, &pointers, &settings, scorer.needs())?)?;
    if scored.order.is_empty() {
        return Err(Failure(ExitCode::Input, format!("{} has no records to score", args.data).into()));
    }
    let report = Report::of(&scored, &expected, &schema, &columns, args.tolerance)?;
    let head = format!("model     {}\nengine    {}\n", args.model.display(), scorer.engine());
    let _ = write!(std::io::stdout(), "{head}{}", report.text);
    Ok(if report.same { ExitCode::Success } else { ExitCode::Thresholds })
}

fn usage(cause: String) -> Failure {
    Failure(ExitCode::Usage, cause.into())
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Failure(ExitCode::Internal, Box::new(error))
    }
}

/// Positions of the model's results that are compared.
fn wanted_columns(schema: &SchemaRef, names: &[String]) -> Result<Vec<usize>, Failure> {
    let position = |name: &String| {
        schema.index_of(name).map_err(|_| {
            let have: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            usage(format!("--columns names {name}, which the model does not give; it gives {}", have.join(", ")))
        })
    };
    if names.is_empty() { Ok((0..schema.fields().len()).collect()) } else { names.iter().map(position).collect() }
}

/// What the model gave.
struct Scored {
    /// Results of the records that have one, in the order of the data.
    table: RecordBatch,
    /// Place of each row of `table`.
    places: Vec<Place>,
    /// Records without a result, and why.
    failed: BTreeMap<Place, String>,
    /// All places in the order of the data.
    order: Vec<Place>,
    files: usize,
}

impl Scored {
    fn of(scorer: &dyn Scorer, blocks: &[Arc<Block>]) -> Result<Self, ArrowError> {
        let mut tables = Vec::new();
        let (mut places, mut order, mut failed) = (Vec::new(), Vec::new(), BTreeMap::new());
        for block in blocks {
            let name = &block.file.name;
            for failure in block.failures.iter() {
                failed.insert((name.clone(), failure.row.unwrap_or(block.span.start)), failure.cause.clone());
            }
            let mut left: Vec<MiniBatch> = block.mini_batches().collect();
            left.reverse();
            while let Some(mini_batch) = left.pop() {
                let at = |item| (name.clone(), mini_batch.row(item));
                match score_mini_batch(scorer, &mini_batch) {
                    Ok(predictions) => {
                        tables.push(predictions.table().clone());
                        places.extend((0..mini_batch.len()).map(at));
                    }
                    Err(error) if mini_batch.len() == 1 => {
                        failed.insert(at(0), error.to_string());
                    }
                    // Each by itself, to find the ones at fault.
                    Err(_) => left.extend((0..mini_batch.len()).rev().map(|item| mini_batch.part(item..item + 1))),
                }
            }
            order.extend(block.span.clone().map(|row| (name.clone(), row)));
        }
        let table = arrow_select::concat::concat_batches(&scorer.output_schema(), &tables)?;
        let files = blocks.iter().map(|block| block.file.index).collect::<BTreeSet<_>>().len();
        Ok(Scored { table, places, failed, order, files })
    }
}

/// What is expected.
struct Expected {
    /// The columns that are compared, in their order.
    columns: Vec<ArrayRef>,
    rows: usize,
    row: Option<ArrayRef>,
    file: Option<ArrayRef>,
}

impl Expected {
    /// Reads the stored predictions at `pointer` in the types of the model's results.
    fn read(pointer: &str, schema: &SchemaRef, columns: &[usize]) -> Result<Self, Failure> {
        let broken = |cause: String| Failure(ExitCode::Input, format!("{pointer}: {cause}").into());
        let parsed: Pointer = pointer.parse().map_err(|error| usage(format!("--expect is {pointer:?}: {error}")))?;
        let settings = InputSettings { header: Header::On, ..InputSettings::default() };
        let pointers = [parsed];
        let plan = ColumnPlan::new(
            &FeatureNeeds::Anything,
            &settings,
            &input::list(&super::stores(&pointers)?, &pointers, &settings)?,
        )?;
        let there = |name: &str| plan.record_schema().fields().iter().any(|field| field.name() == name);
        let wanted: Vec<_> = columns.iter().map(|at| schema.field(*at)).collect();
        let missing: Vec<&str> = wanted.iter().map(|field| field.name().as_str()).filter(|name| !there(name)).collect();
        if !missing.is_empty() {
            let names: Vec<&str> = plan.record_schema().fields().iter().map(|field| field.name().as_str()).collect();
            return Err(broken(format!(
                "it has no column {}, which the model gives; its columns are {}; name those to be compared with --columns",
                missing.join(", "),
                names.join(", ")
            )));
        }
        let mut named: Vec<NamedFeature> = wanted
            .iter()
            .map(|field| NamedFeature { name: field.name().clone(), element: element(field.data_type()) })
            .collect();
        for (name, element) in [("row", ElementType::Int64), ("file", ElementType::String)] {
            if there(name) && !named.iter().any(|feature| feature.name == name) {
                named.push(NamedFeature { name: name.to_owned(), element });
            }
        }
        let names: Vec<String> = named[columns.len()..].iter().map(|feature| feature.name.clone()).collect();
        let blocks = records::read(&super::stores(&pointers)?, &pointers, &settings, &FeatureNeeds::Named(named))?;
        if let Some(failure) = blocks.iter().flat_map(|block| block.failures.iter()).next() {
            let row = failure.row.map_or_else(String::new, |row| format!("row {row}: "));
            return Err(broken(format!("{row}{}", failure.cause)));
        }
        let table = records::features(&blocks)?.ok_or_else(|| broken("it has no records".to_owned()))?;
        let extra =
            |name: &str| names.iter().position(|n| n == name).map(|at| Arc::clone(table.column(columns.len() + at)));
        Ok(Expected {
            columns: table.columns()[..columns.len()].to_vec(),
            rows: table.num_rows(),
            row: extra("row"),
            file: extra("file"),
        })
    }

    /// The place in `scored` that row `index` speaks of.
    fn place(&self, index: usize, scored: &Scored) -> Option<Place> {
        match (&self.row, &self.file, scored.files) {
            (Some(row), _, 0 | 1) => {
                let (file, _) = scored.order.first()?;
                Some((file.clone(), u64::try_from(row.as_primitive::<Int64Type>().value(index)).ok()?))
            }
            (Some(row), Some(file), _) => {
                let row = u64::try_from(row.as_primitive::<Int64Type>().value(index)).ok()?;
                Some((file.as_string::<i32>().value(index).to_owned(), row))
            }
            _ => scored.order.get(index).cloned(),
        }
    }
}

/// The element type that a column of results is read in.
fn element(data_type: &DataType) -> ElementType {
    const ALL: [ElementType; 11] = [
        ElementType::Bool,
        ElementType::Int8,
        ElementType::Int16,
        ElementType::Int32,
        ElementType::Int64,
        ElementType::Uint8,
        ElementType::Uint16,
        ElementType::Uint32,
        ElementType::Uint64,
        ElementType::Float32,
        ElementType::Float64,
    ];
    ALL.into_iter().find(|element| element.arrow() == *data_type).unwrap_or(ElementType::String)
}

/// The verdict in words.
struct Report {
    same: bool,
    text: String,
}

impl Report {
    fn of(
        scored: &Scored,
        expected: &Expected,
        schema: &SchemaRef,
        columns: &[usize],
        tolerance: f64,
    ) -> Result<Self, ArrowError> {
        let positions: HashMap<&Place, u64> = scored.places.iter().zip(0..).collect();
        let (mut pairs, mut lacking, mut matched) = ((Vec::new(), Vec::new()), Vec::new(), HashSet::new());
        for index in 0..expected.rows {
            let place = expected.place(index, scored);
            match place.as_ref().and_then(|place| positions.get(place)) {
                Some(position) => {
                    pairs.0.push(*position);
                    pairs.1.push(index as u64);
                    matched.insert(*position);
                }
                None => lacking.push((index, place)),
            }
        }
        let missing = positions.len() - matched.len();
        let (have, want) = (UInt64Array::from(pairs.0), UInt64Array::from(pairs.1));
        let mut faults = Vec::new();
        let mut table = format!("{:<24} {:>18} {:>10}\n", "column", "largest difference", "differing");
        for (at, want_column) in columns.iter().zip(&expected.columns) {
            let have_column = arrow_select::take::take(scored.table.column(*at), &have, None)?;
            let want_column = arrow_select::take::take(want_column, &want, None)?;
            let ColumnDifference { largest, differing } = compare::column(&have_column, &want_column, tolerance)?;
            let largest = match largest {
                None => "-".to_owned(),
                Some(0.0) => "0".to_owned(),
                Some(largest) => format!("{largest:.2e}"),
            };
            let name = schema.field(*at).name();
            let _ = writeln!(table, "{name:<24} {largest:>18} {:>10}", differing.len());
            for row in differing {
                let place = &scored.places[have.value(row) as usize];
                let (want, have) = (compare::text(&want_column, row)?, compare::text(&have_column, row)?);
                faults.push((place, format!("{name}: expected {want}, got {have}")));
            }
        }
        let differing = faults.len();
        faults.sort_by(|a, b| a.0.cmp(b.0));
        let place =
            |(file, row): &Place| if scored.files > 1 { format!("{file}, row {row}") } else { format!("row {row}") };
        let mut told: Vec<String> = faults.iter().map(|(at, fault)| format!("{}, {fault}", place(at))).collect();
        told.extend(lacking.iter().map(|(index, at)| match at {
            Some(at) => match scored.failed.get(at) {
                Some(cause) => format!("{}: no prediction: {cause}", place(at)),
                None => format!("{}: expected, but the data has no such record", place(at)),
            },
            None => format!("prediction {index} of the expected ones: the data has no record for it"),
        }));
        if missing > 0 {
            told.push(format!("{missing} records have a prediction, and none is expected for them"));
        }
        let compared = have.len();
        let names: Vec<&str> = columns.iter().map(|at| schema.field(*at).name().as_str()).collect();
        let mut text = format!("compared  {compared} predictions: {}\n\n{table}\n", names.join(", "));
        if told.is_empty() {
            let within = if tolerance == 0.0 { "too".to_owned() } else { format!("within {tolerance:e}") };
            let _ = writeln!(text, "same: labels are equal, and numbers {within}");
        } else {
            let values = compared * columns.len();
            let _ = writeln!(
                text,
                "different: {differing} of {values} values, {} expected predictions without a result, {missing} results that \
                 are not expected",
                lacking.len()
            );
            told.iter().take(TOLD).for_each(|fault| {
                let _ = writeln!(text, "  {fault}");
            });
            if told.len() > TOLD {
                let _ = writeln!(text, "  and {} more", told.len() - TOLD);
            }
        }
        Ok(Report { same: told.is_empty(), text })
    }
}
