//! The tests that the ONNX project publishes for single operators and for small convolutional networks, in its package
//! of version 1.18.0 for Python (later packages hold no data), which `tests/run.sh` installs.
//!
//! `tests/onnx/passing.txt` lists those that pass, by name. A listed test that fails is a failure here, and so is one
//! that passes and is not listed: the list grows. What fails, and why, is written to `target/onnx-tests.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tract_onnx::data_resolver::MmapDataResolver;
use tract_onnx::model::Onnx;
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use tract_onnx::tensor::{load_tensor, proto_from_reader};
use tract_onnx::tract_hir::internal::{TDim, bail, ensure};

use super::{guarded, ops};

/// Tests of `onnx==1.18.0`.
const NODE_TESTS: usize = 1450;

/// Where the package's data are.
fn data() -> PathBuf {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/lib");
    let versions = std::fs::read_dir(&venv).into_iter().flatten().flatten().map(|entry| entry.path());
    let found = versions.map(|python| python.join("site-packages/onnx/backend/test/data")).find(|data| data.is_dir());
    found.unwrap_or_else(|| panic!("{} holds no package onnx: run tests/run.sh, which installs it", venv.display()))
}

/// A model and its files of inputs and outputs.
struct Case {
    name: String,
    model: PathBuf,
    /// Inputs and outputs of each run.
    runs: Vec<(Vec<PathBuf>, Vec<PathBuf>)>,
    tolerance: Tolerance,
}

/// How far a number may be off: absolutely, and relatively to what is expected.
#[derive(Clone, Copy)]
struct Tolerance {
    absolute: f64,
    relative: f64,
}

/// That of the package's own runner.
const TOLERANCE: Tolerance = Tolerance { absolute: 1e-7, relative: 1e-3 };

/// That for the operators of ai.onnx.ml, against ONNX Runtime.
const CLOSE: Tolerance = Tolerance { absolute: 2e-6, relative: 1e-5 };

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// That for probits, by an approximation of which next to nothing is left around zero.
const PROBIT: Tolerance = Tolerance { absolute: 1e-3, relative: 1e-4 };

/// The cases in the folders of `root`.
fn cases(root: &Path, tolerance: Tolerance) -> Vec<Case> {
    let case = |folder: PathBuf| {
        let sets = sorted(&folder).into_iter().filter(|path| file_name(path).starts_with("test_data_set_"));
        let numbered = |set: &Path, kind: &str| -> Vec<PathBuf> {
            (0..).map(|i| set.join(format!("{kind}_{i}.pb"))).take_while(|path| path.exists()).collect()
        };
        let runs = sets.map(|set| (numbered(&set, "input"), numbered(&set, "output"))).collect();
        Case { name: file_name(&folder), model: folder.join("model.onnx"), runs, tolerance }
    };
    sorted(root).into_iter().filter(|path| path.is_dir()).map(case).collect()
}

fn tensor(path: &Path) -> TractResult<Tensor> {
    let proto = proto_from_reader(std::fs::File::open(path)?)?;
    ensure!(proto.data_type != 0, "a value that is no tensor");
    load_tensor(&MmapDataResolver, &proto, None)
}

/// The model's outputs for `inputs`. Inputs of which `is_constant` is true are known while the model is prepared: tract
/// wants to know the numbers that shapes are made of.
fn outputs(
    onnx: &Onnx,
    model: &ModelProto,
    inputs: &[Tensor],
    is_constant: fn(usize, &Tensor) -> bool,
) -> TractResult<TVec<TValue>> {
    let mut parsed = onnx.parse(model, None)?.model;
    let mut given = tvec![];
    let ids = parsed.inputs.clone();
    ensure!(ids.len() <= inputs.len(), "{} inputs for a model that takes {}", inputs.len(), ids.len());
    let mut open = vec![];
    for (index, (id, tensor)) in ids.into_iter().zip(inputs).enumerate() {
        if is_constant(index, tensor) {
            parsed.set_outlet_fact(id, InferenceFact::from(tensor.clone()))?;
            parsed.node_mut(id.node).op =
                Box::new(tract_onnx::tract_hir::ops::konst::Const::new(tensor.clone().into_arc_tensor())?);
        } else {
            parsed.set_outlet_fact(id, InferenceFact::dt_shape(tensor.datum_type(), tensor.shape()))?;
            open.push(id);
            given.push(tensor.clone().into_tvalue());
        }
    }
    parsed.set_input_outlets(&open)?;
    let mut typed = parsed.into_typed()?;
    ops::replace(&mut typed);
    let mut optimized = typed.into_optimized()?;
    ops::replace_in_optimized(&mut optimized)?;
    TypedSimplePlan::new(optimized)?.run(given)
}

/// Strings are compared exactly.
fn compare(got: &Tensor, expected: &Tensor, tolerance: Tolerance) -> TractResult<()> {
    ensure!(got.shape() == expected.shape(), "an output of shape {:?}, not {:?}", got.shape(), expected.shape());
    // tract's dimensions are what ONNX has int64 for.
    let element = |tensor: &Tensor| {
        if tensor.datum_type() == TDim::datum_type() { i64::datum_type() } else { tensor.datum_type() }
    };
    let (got_type, expected_type) = (element(got), element(expected));
    ensure!(got_type == expected_type, "an output of type {got_type:?}, not {expected_type:?}");
    if got_type == String::datum_type() {
        ensure!(got == expected, "other strings");
        return Ok(());
    }
    let (got, expected) = (got.cast_to::<f64>()?, expected.cast_to::<f64>()?);
    let (got, expected) = (got.try_as_plain_ram()?, expected.try_as_plain_ram()?);
    let (got, expected) = (got.as_slice::<f64>()?, expected.as_slice::<f64>()?);
    let far = |(a, b): &(&f64, &f64)| {
        !(a == b || (a.is_nan() && b.is_nan()) || (*a - *b).abs() <= tolerance.absolute + tolerance.relative * b.abs())
    };
    if let Some(index) = got.iter().zip(expected).position(|pair| far(&pair)) {
        bail!("value {index} is {}, not {}: other numbers", got[index], expected[index]);
    }
    Ok(())
}

/// How a test came out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Passes,
    /// It does when its integers, or all inputs but the first, are known while the model is prepared: models hold what
    /// is a shape, an axis or a parameter as a constant.
    PassesWithConstants,
    Fails(String),
}

impl Verdict {
    fn passes(&self) -> bool {
        !matches!(self, Verdict::Fails(_))
    }
}

fn run(onnx: &Onnx, case: &Case, is_constant: fn(usize, &Tensor) -> bool) -> Result<(), String> {
    guarded(|| {
        let model = onnx.proto_model_for_path(&case.model)?;
        for (inputs, expected) in &case.runs {
            let tensors = |paths: &[PathBuf]| paths.iter().map(|path| tensor(path)).collect::<TractResult<Vec<_>>>();
            let outputs = outputs(onnx, &model, &tensors(inputs)?, is_constant)?;
            let expected = tensors(expected)?;
            ensure!(outputs.len() == expected.len(), "{} outputs, not {}", outputs.len(), expected.len());
            outputs.iter().zip(&expected).try_for_each(|(got, expected)| compare(got, expected, case.tolerance))?;
        }
        Ok(())
    })
}

fn verdict(onnx: &Onnx, case: &Case) -> Verdict {
    let Err(cause) = run(onnx, case, |_, _| false) else { return Verdict::Passes };
    let is_integer: fn(usize, &Tensor) -> bool = |_, tensor| tensor.datum_type().is_integer();
    let is_parameter: fn(usize, &Tensor) -> bool = |index, _| index > 0;
    if [is_integer, is_parameter].into_iter().any(|is_constant| run(onnx, case, is_constant).is_ok()) {
        return Verdict::PassesWithConstants;
    }
    Verdict::Fails(cause)
}

/// The verdicts on `cases`, by two threads.
fn verdicts(onnx: &Onnx, cases: &[Case]) -> BTreeMap<String, Verdict> {
    let next = AtomicUsize::new(0);
    let verdicts = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = verdict(onnx, case);
                    verdicts.lock().unwrap().insert(case.name.clone(), verdict);
                }
            });
        }
    });
    verdicts.into_inner().unwrap()
}

/// The last cause of an error, which is the same for tests that fail for the same reason.
fn root(cause: &str) -> String {
    let last = cause.rsplit(": ").next().unwrap_or(cause);
    last.chars().take(100).collect()
}

fn report(verdicts: &BTreeMap<String, Verdict>) -> String {
    let count = |wanted: fn(&Verdict) -> bool| verdicts.values().filter(|verdict| wanted(verdict)).count();
    let mut text = format!(
        "{} tests: {} pass, {} of them with constants; {} fail\n",
        verdicts.len(),
        count(Verdict::passes),
        count(|verdict| *verdict == Verdict::PassesWithConstants),
        count(|verdict| !verdict.passes())
    );
    let mut causes: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for (name, verdict) in verdicts {
        if let Verdict::Fails(cause) = verdict {
            causes.entry(root(cause)).or_default().push((name, cause));
        }
    }
    let mut causes: Vec<_> = causes.into_iter().collect();
    causes.sort_by_key(|(_, tests)| std::cmp::Reverse(tests.len()));
    for (cause, tests) in causes {
        writeln!(text, "\n{} x {cause}", tests.len()).unwrap();
        for (name, cause) in tests {
            writeln!(text, "  {name}: {}", cause.chars().take(300).collect::<String>().replace('\n', " ")).unwrap();
        }
    }
    text
}

#[test]
fn operators_of_onnx() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = cases(&data().join("node"), TOLERANCE);
    assert_eq!(cases.len(), NODE_TESTS, "the package is another version");
    let ours = verdicts(&super::tract(), &cases);
    std::fs::write(project.join("target/onnx-tests.txt"), report(&ours)).unwrap();
    let names = ours.iter().filter(|(_, verdict)| verdict.passes()).map(|(name, _)| format!("{name}\n"));
    std::fs::write(project.join("target/onnx-passing.txt"), names.collect::<String>()).unwrap();

    let listed = std::fs::read_to_string(project.join("tests/onnx/passing.txt")).unwrap();
    let listed: BTreeSet<&str> = listed.lines().filter(|line| !line.starts_with('#')).collect();
    let passing: BTreeSet<&str> = ours.iter().filter(|(_, v)| v.passes()).map(|(name, _)| name.as_str()).collect();
    let lost: Vec<_> = listed.difference(&passing).collect();
    assert!(lost.is_empty(), "no longer passing (see target/onnx-tests.txt): {lost:#?}");
    let found: Vec<_> = passing.difference(&listed).collect();
    assert!(
        found.is_empty(),
        "passing, so to be added to tests/onnx/passing.txt (target/onnx-passing.txt is the new list): {found:#?}"
    );

    let tracts = verdicts(&tract_onnx::onnx(), &cases);
    let lost: Vec<_> =
        tracts.iter().filter(|(name, v)| v.passes() && !ours[*name].passes()).map(|(name, _)| name).collect();
    assert!(lost.is_empty(), "tract alone passes: {lost:#?}");
    let failing: Vec<_> =
        ours.iter().filter(|(name, v)| name.contains("ai_onnx_ml") && !v.passes()).map(|(name, _)| name).collect();
    assert!(failing.is_empty(), "of ai.onnx.ml: {failing:#?}");
}

/// The cases that `tests/onnx/make_cases.py` makes: single operators of ai.onnx.ml with all sorts of attributes.
#[test]
fn operators_of_onnx_ml_give_what_onnx_runtime_gives() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = project.join("target/onnx-cases");
    assert!(folder.is_dir(), "{} is missing: run tests/run.sh, which makes it", folder.display());
    let mut cases = cases(&folder, CLOSE);
    for case in cases.iter_mut().filter(|case| case.name.contains("probit")) {
        case.tolerance = PROBIT;
    }
    assert!(cases.len() > 1200, "only {} cases", cases.len());
    let verdicts = verdicts(&super::tract(), &cases);
    let report = report(&verdicts);
    std::fs::write(project.join("target/onnx-cases.txt"), &report).unwrap();
    assert!(verdicts.values().all(|verdict| *verdict == Verdict::Passes), "{report}");
}

/// The nine networks of which the package holds the shape, with constants for weights. Their input is what the package's
/// own runner makes for them: rising numbers below one.
#[test]
fn convolutional_networks() {
    let folder = data().join("light");
    let models: Vec<PathBuf> =
        sorted(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "onnx")).collect();
    assert_eq!(models.len(), 9);
    let onnx = super::tract();
    for path in models {
        let name = file_name(&path);
        let result = guarded(|| {
            let model = onnx.proto_model_for_path(&path)?;
            let graph = model.graph.as_ref().unwrap();
            let inputs = super::signature::inputs(graph).map_err(TractError::msg)?;
            let zeros = super::dry_run::zeros(&inputs, 1, 1)?;
            let inputs: Vec<Tensor> = zeros
                .into_iter()
                .map(|zeros| {
                    let mut tensor = zeros.into_tensor();
                    let count = tensor.len();
                    for (index, x) in tensor.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?.iter_mut().enumerate() {
                        *x = (index as f64 / count as f64) as f32;
                    }
                    Ok(tensor)
                })
                .collect::<TractResult<_>>()?;
            let outputs = outputs(&onnx, &model, &inputs, |_, _| false)?;
            let expected = tensor(&path.with_file_name(name.replace(".onnx", "_output_0.pb")))?;
            compare(&outputs[0], &expected, TOLERANCE)
        });
        assert_eq!(result, Ok(()), "{name}");
    }
}
