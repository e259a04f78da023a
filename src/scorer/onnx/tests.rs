//! The test models: each loads, and its results are those of ONNX Runtime, however the rows are cut into mini-batches.

mod malformed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field, Schema};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension::Value as DimensionValue};
use tract_onnx::pb::type_proto::{Tensor, Value as TypeValue};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto,
};

use super::OnnxScorer;
use super::explain::OnnxExplainer;
use crate::data::{Block, Cuts, ElementType, FeatureNeeds, InputFile, MiniBatch, RowNumbers};
use crate::scorer::{ModelError, ModelSettings, Scorer};

/// Largest relative difference from ONNX Runtime's numbers.
const TOLERANCE: f64 = 1e-5;

/// Differences between numbers as small as this are not looked at: they are what cancellation leaves of larger ones.
const SMALL: f64 = 1e-6;

pub(super) struct Table {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

impl Table {
    /// The test files hold no quotes.
    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(models().join(name)).unwrap();
        let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect());
        Table { header: lines.next().unwrap(), rows: lines.collect() }
    }

    fn column(&self, index: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row[index].as_str())
    }
}

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn load(name: &str) -> Result<OnnxScorer, ModelError> {
    OnnxScorer::load(&models().join(name), &ModelSettings::default())
}

fn array<'t>(cells: impl Iterator<Item = &'t str>, element: ElementType) -> ArrayRef {
    let float = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
    match element {
        ElementType::Float32 => Arc::new(cells.map(|cell| float(cell) as f32).collect::<Float32Array>()),
        ElementType::Float64 => Arc::new(cells.map(float).collect::<Float64Array>()),
        ElementType::Int64 => Arc::new(cells.map(|cell| Some(cell.parse::<i64>().unwrap())).collect::<Int64Array>()),
        ElementType::String => Arc::new(cells.map(Some).collect::<StringArray>()),
        other => panic!("no test model takes {other}"),
    }
}

/// All rows of `table`, as the features that a scorer needs.
pub(super) fn block(table: &Table, needs: &FeatureNeeds) -> Arc<Block> {
    let columns: Vec<ArrayRef> = match needs {
        FeatureNeeds::Table { element, count } => {
            assert_eq!(*count, Some(table.header.len()));
            (0..table.header.len()).map(|index| array(table.column(index), *element)).collect()
        }
        FeatureNeeds::Named(features) => features
            .iter()
            .map(|feature| {
                let index = table.header.iter().position(|name| *name == feature.name).unwrap();
                array(table.column(index), feature.element)
            })
            .collect(),
        FeatureNeeds::Anything => unreachable!("ONNX models name their features"),
    };
    let fields: Vec<Field> = columns.iter().map(|c| Field::new("x", c.data_type().clone(), false)).collect();
    let records = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    Arc::new(Block {
        file: Arc::new(InputFile { index: 0, name: "rows.csv".to_owned() }),
        span: 0..records.num_rows() as u64,
        feature_count: records.num_columns(),
        key: None,
        passed_over: 0,
        records,
        rows: RowNumbers::From(0),
        failures: Arc::new([]),
        cuts: Cuts::Every(u64::MAX / 2),
    })
}

/// The predictions of all rows, in mini-batches of `rows`.
fn score(scorer: &OnnxScorer, block: &Arc<Block>, rows: usize) -> RecordBatch {
    let all = block.records.num_rows();
    let parts: Vec<RecordBatch> = (0..all)
        .step_by(rows)
        .map(|start| {
            let batch = MiniBatch { block: Arc::clone(block), records: start..all.min(start + rows) };
            scorer.score(&batch).unwrap().table().clone()
        })
        .collect();
    arrow_select::concat::concat_batches(&scorer.output_schema(), &parts).unwrap()
}

fn compare(model: &str, column: &str, got: &ArrayRef, expected: &Table, index: usize) {
    let numbers: Vec<f64> = match got.data_type() {
        ArrowType::Float32 => got.as_primitive::<Float32Type>().values().iter().map(|x| f64::from(*x)).collect(),
        ArrowType::Float64 => got.as_primitive::<Float64Type>().values().to_vec(),
        _ => {
            let texts: Vec<String> = match got.data_type() {
                ArrowType::Int64 => got.as_primitive::<Int64Type>().values().iter().map(i64::to_string).collect(),
                _ => got.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect(),
            };
            assert!(texts.iter().map(String::as_str).eq(expected.column(index)), "{model}: {column}");
            return;
        }
    };
    for (row, (got, expected)) in numbers.iter().zip(expected.column(index)).enumerate() {
        let expected: f64 = expected.parse().unwrap();
        let difference = (got - expected).abs();
        assert!(
            difference <= TOLERANCE * expected.abs().max(SMALL / TOLERANCE),
            "{model}: {column} of row {row} is {got}, not {expected}"
        );
    }
}

#[test]
fn results_are_those_of_onnx_runtime() {
    let mut count = 0;
    for entry in std::fs::read_dir(models()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let Some(model) = file.strip_suffix(".expected.csv") else { continue };
        count += 1;
        let scorer = load(&format!("{model}.onnx")).unwrap_or_else(|error| panic!("{error}"));
        let input = block(&Table::read(&format!("{model}.input.csv")), scorer.needs());
        let expected = Table::read(&file);
        let schema = scorer.output_schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        // The first column is called `prediction`, whatever the model calls it.
        assert!(names[0].starts_with("prediction"), "{model}: {names:?}");
        assert_eq!(names[1..], expected.header[2..], "{model}");
        let whole = score(&scorer, &input, usize::MAX / 2);
        assert_eq!(whole.num_rows(), expected.rows.len());
        for (index, name) in names.iter().enumerate() {
            compare(model, name, whole.column(index), &expected, index + 1);
        }
        for rows in [10, 7, 1] {
            assert_eq!(score(&scorer, &input, rows), whole, "{model} in mini-batches of {rows}");
        }
    }
    assert!(count >= 30, "the test models are there");
}

#[test]
fn heads_give_what_whole_graphs_give() {
    for name in [
        "gradient_boosting_3class",
        "imputer_constant_logistic",
        "imputer_mean_logistic",
        "linear_regression",
        "random_forest_regressor",
        "logistic_regression_3class",
        "logistic_regression_multinomial",
        "scaler_logistic_named_batch",
    ] {
        let path = models().join(format!("{name}.onnx"));
        let mut model = super::graph::read(&path).unwrap();
        let with_head = OnnxScorer::of_model(&model, &path, None).unwrap();
        assert!(with_head.head.is_some(), "{name}");
        // A second reader of the input keeps the graph whole.
        let graph = model.graph.as_mut().unwrap();
        let input = graph.input[0].name.clone();
        graph.node.push(NodeProto {
            input: vec![input],
            output: vec!["again".to_owned()],
            op_type: "Identity".to_owned(),
            ..NodeProto::default()
        });
        let whole = OnnxScorer::of_model(&model, &path, None).unwrap();
        assert!(whole.head.is_none(), "{name}");
        let input = block(&Table::read(&format!("{name}.input.csv")), whole.needs());
        assert_eq!(score(&with_head, &input, 1000), score(&whole, &input, 1000), "{name}");
    }
}

#[test]
fn files_that_are_no_models_are_refused() {
    for file in ["not_a_model.onnx", "truncated.onnx"] {
        assert!(matches!(load(file), Err(ModelError::NotOnnx { .. })), "{file}");
    }
    assert!(matches!(load("no_such_file.onnx"), Err(ModelError::Unreadable { .. })));
}

#[test]
fn all_unsupported_operators_are_named() {
    for (file, operator) in
        [("unsupported_operator.onnx", "ai.onnx.ml.NoSuchOp"), ("unsupported_domain.onnx", "com.example.NoSuchOp")]
    {
        match load(file) {
            Err(ModelError::UnsupportedOperators { operators, .. }) => assert_eq!(operators, [operator]),
            other => panic!("{file}: {:?}", other.err()),
        }
    }
}

/// A model of the operators of ai.onnx.ml `nodes`, from `x` of shape `[?, features]` to `y`.
pub(super) fn model(features: Option<i64>, nodes: Vec<NodeProto>) -> ModelProto {
    let dimension = |value| Dimension { value, denotation: String::new() };
    let dim = vec![dimension(None), dimension(features.map(DimensionValue::DimValue))];
    let tensor = Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
    let r#type = Some(TypeProto { value: Some(TypeValue::TensorType(tensor)), ..TypeProto::default() });
    let value = |name: &str, r#type| ValueInfoProto { name: name.to_owned(), r#type, ..ValueInfoProto::default() };
    let graph = GraphProto {
        node: nodes,
        input: vec![value("x", r#type)],
        output: vec![value("y", None)],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: String::new(), version: 15 };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..ModelProto::default() }
}

pub(super) fn node(op_type: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: vec!["x".to_owned()],
        output: vec!["y".to_owned()],
        op_type: op_type.to_owned(),
        domain: "ai.onnx.ml".to_owned(),
        attribute,
        ..NodeProto::default()
    }
}

pub(super) fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: r#type as i32, ..AttributeProto::default() }
}

pub(super) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub(super) fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    AttributeProto { floats: floats.to_vec(), ..attribute(name, AttributeType::Floats) }
}

/// What explains a linear model of these attributes behind a Scaler, for the features (3, 2.5) and (1, 2).
fn explained(op_type: &str, attributes: Vec<AttributeProto>) -> (Vec<String>, Vec<f64>, Vec<f64>) {
    let scaler = NodeProto {
        output: vec!["scaled".to_owned()],
        ..node("Scaler", vec![floats("offset", &[1.0, 2.0]), floats("scale", &[0.5, 2.0])])
    };
    let model =
        model(Some(2), vec![scaler, NodeProto { input: vec!["scaled".to_owned()], ..node(op_type, attributes) }]);
    let scorer = OnnxScorer::of_model(&model, Path::new("model.onnx"), None).unwrap();
    let explainer = OnnxExplainer::of_model(&model, &scorer.signature.inputs);
    let explainer = explainer.ready().unwrap();
    let table = Table {
        header: ["a", "b"].map(str::to_owned).to_vec(),
        rows: [["3", "2.5"], ["1", "2"]].map(|row| row.map(str::to_owned).to_vec()).to_vec(),
    };
    let block = block(&table, scorer.needs());
    let contributions = explainer.contributions(&MiniBatch { block, records: 0..2 }).unwrap().values;
    (explainer.scores(), explainer.expected(), contributions)
}

#[test]
fn contributions_to_the_scores_of_linear_models() {
    let targets = AttributeProto { i: 2, ..attribute("targets", AttributeType::Int) };
    let coefficients = floats("coefficients", &[1.0, -2.0, 0.5, 4.0]);
    let (names, expected, contributions) =
        explained("LinearRegressor", vec![coefficients, floats("intercepts", &[10.0, 20.0]), targets]);
    assert_eq!((names, expected), (vec!["0".to_owned(), "1".to_owned()], vec![10.0, 20.0]));
    // Nothing where the features are the Scaler's means.
    assert_eq!(contributions, [1.0, -2.0, 0.5, 4.0, 0.0, 0.0, 0.0, 0.0]);
    // Two classes with one score, that of the second.
    let (names, expected, contributions) = explained(
        "LinearClassifier",
        vec![
            floats("coefficients", &[-3.0, 1.0, 3.0, -1.0]),
            floats("intercepts", &[-0.25, 0.25]),
            ints("classlabels_ints", &[0, 1]),
        ],
    );
    assert_eq!((names, expected), (vec![String::new()], vec![0.25]));
    assert_eq!(contributions, [3.0, -1.0, 0.0, 0.0]);
}

#[test]
fn a_row_length_that_is_not_declared_is_read_from_the_graph() {
    let count = |nodes| {
        let scorer = OnnxScorer::of_model(&model(None, nodes), Path::new("model.onnx"), None).unwrap();
        match scorer.needs() {
            FeatureNeeds::Table { count, .. } => *count,
            other => panic!("{other:?}"),
        }
    };
    let scaler = node("Scaler", vec![floats("offset", &[0.0; 3]), floats("scale", &[1.0; 3])]);
    assert_eq!(count(vec![scaler]), Some(3));
    // Trees take longer rows than they look at.
    let trees = malformed::tree(ints("n_nothing", &[])).graph.unwrap().node;
    assert_eq!(count(trees), None);
}

#[test]
fn long_mini_batches_are_cut_into_runs() {
    let scorer = load("random_forest_3class.onnx").unwrap();
    let short = block(&Table::read("random_forest_3class.input.csv"), scorer.needs());
    let copies = 3 * super::RUN_ROWS / short.records.num_rows();
    let repeated = |batch: &RecordBatch| {
        arrow_select::concat::concat_batches(&batch.schema(), std::iter::repeat_n(batch, copies)).unwrap()
    };
    let long = Arc::new(Block { records: repeated(&short.records), ..Block::clone(&short) });
    assert_eq!(score(&scorer, &long, usize::MAX / 2), repeated(&score(&scorer, &short, usize::MAX / 2)));
}
