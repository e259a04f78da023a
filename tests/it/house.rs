//! The rules of the house that no compiler checks: who may use whom, where outside dependencies live, how long files are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

/// The modules that any other may use.
const FOR_ALL: &[&str] = &["caught", "simd"];

/// What each module may use of ours, as the documentation of `src/lib.rs` says.
const MAY_USE: &[(&str, &[&str])] = &[
    ("caught", &[]),
    ("simd", &[]),
    ("policy", &[]),
    ("data", &[]),
    ("storage", &[]),
    ("events", &["data"]),
    ("scorer", &["data"]),
    ("input", &["storage", "data", "policy"]),
    ("output", &["storage", "data", "policy"]),
    ("spec", &["policy", "storage", "input", "output", "scorer"]),
    ("engine", &["scorer", "policy", "data"]),
    ("run", &["policy", "data", "storage", "events", "scorer", "input", "output", "spec", "engine"]),
    ("report", &["events", "spec", "policy", "storage"]),
    ("workspace", &["spec", "storage"]),
    (
        "cli",
        &[
            "policy",
            "data",
            "storage",
            "events",
            "scorer",
            "input",
            "output",
            "spec",
            "engine",
            "run",
            "report",
            "workspace",
        ],
    ),
];

/// Outside dependencies with one home, or with two for what is read and written.
const HOMES: &[(&str, &str)] = &[
    ("rayon", "engine/pool.rs"),
    ("clap", "cli/"),
    ("ctrlc", "cli/"),
    ("indicatif", "report/"),
    ("tract_onnx", "scorer/onnx/"),
    ("foldhash", "scorer/onnx/ops/places.rs"),
    ("prost", "scorer/onnx/protobuf.rs"),
    // The name alone is also that of the engine.
    ("use ort", "scorer/onnx/onnx_runtime.rs"),
    ("regex_automata", "scorer/onnx/ops/pattern.rs"),
    ("object_store", "storage/"),
    ("http_body", "storage/patience.rs"),
    ("humantime", "storage/patience.rs"),
    ("rusqlite", "workspace/"),
    ("sqlparser", "input/filter/parse.rs"),
    ("flate2", "input/ output/"),
    ("zstd", "input/ output/"),
];

const MOST_LINES: usize = 400;

/// A file of the source: its path below `src/`, and its lines without comments and tests.
struct Source {
    path: String,
    lines: Vec<String>,
    /// Lines of production code, comments included.
    length: usize,
}

fn sources() -> Vec<Source> {
    let root = repository().join("src");
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    assert!(sources.len() > 20, "only {} files in {}", sources.len(), root.display());
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let test_modules: Vec<String> =
        entries.iter().filter(|path| path.is_file()).flat_map(|path| test_modules(path)).collect();
    for path in entries {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if test_modules.iter().any(|module| module == stem) {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = production(&text);
            sources.push(Source {
                path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(),
                length: lines.len(),
                lines: lines
                    .into_iter()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .map(str::to_owned)
                    .collect(),
            });
        }
    }
}

/// Modules in files of their own that are only for tests: `mod name;` under `#[cfg(test)]`.
fn test_modules(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .windows(2)
        .filter(|pair| pair[0].trim() == "#[cfg(test)]")
        .filter_map(|pair| Some(pair[1].split_once("mod ")?.1.strip_suffix(';')?.to_owned()))
        .collect()
}

/// The lines before the tests at the end of a file.
fn production(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{');
    let end = lines.windows(2).position(is_test).unwrap_or(lines.len());
    lines[..end].to_vec()
}

/// Modules of ours that `code` names behind `prefix`, be they alone (`crate::a::B`) or in a group (`crate::{a, b::C}`).
fn named(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let boundary = code[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let rest = &code[at + prefix.len()..];
        if !boundary {
            continue;
        }
        match rest.strip_prefix('{') {
            None => names.extend(first_word(rest)),
            Some(group) => {
                let (mut depth, mut start) = (1, 0);
                for (position, c) in group.char_indices() {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    if (depth == 1 && c == ',') || depth == 0 {
                        names.extend(first_word(group[start..position].trim_start()));
                        start = position + 1;
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    names
}

fn first_word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    code.match_indices(word)
        .any(|(at, _)| !is_part(code[..at].chars().next_back()) && !is_part(code[at + word.len()..].chars().next()))
}

#[test]
fn modules_use_only_what_they_may() {
    let mut faults = Vec::new();
    for source in sources() {
        let module = source.path.split(['/', '.']).next().unwrap().to_owned();
        if matches!(module.as_str(), "main" | "lib") {
            continue;
        }
        let Some((_, may)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            faults.push(format!("{}: module {module} is not in the table", source.path));
            continue;
        };
        let code = source.lines.join("\n");
        let mut used = named(&code, "crate::");
        // In the root of a module, `super` is the crate.
        if source.path == format!("{module}.rs") || source.path == format!("{module}/mod.rs") {
            used.extend(named(&code, "super::"));
        }
        for other in used.iter().filter(|other| MAY_USE.iter().any(|(name, _)| name == other)) {
            if *other != module && !FOR_ALL.contains(&other.as_str()) && !may.contains(&other.as_str()) {
                faults.push(format!("{} uses {other}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_is_that_of_the_documentation() {
    let text = fs::read_to_string(repository().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, MAY_USE.iter().map(|(name, _)| *name).collect());
    for module in modules {
        assert!(text.contains(&format!("//! | [`{module}`] |")), "src/lib.rs does not say what {module} is");
    }
}

#[test]
fn outside_dependencies_live_in_one_place() {
    let sources = sources();
    for (dependency, home) in HOMES {
        let users: Vec<&str> = sources
            .iter()
            .filter(|source| source.lines.iter().any(|line| has_word(line, dependency)))
            .map(|source| source.path.as_str())
            .collect();
        assert!(!users.is_empty(), "nothing uses {dependency}: take it out of this test and of Cargo.toml");
        let strays: Vec<_> = users.iter().filter(|path| !home.split(' ').any(|home| path.starts_with(home))).collect();
        assert!(strays.is_empty(), "{dependency} belongs into {home} alone, and is used in {strays:?}");
    }
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.length > MOST_LINES)
        .map(|source| format!("src/{}: {} lines", source.path, source.length))
        .collect();
    assert!(long.is_empty(), "more than {MOST_LINES} lines without tests:\n{}", long.join("\n"));
}

#[test]
fn only_the_run_of_a_command_speaks_to_the_user() {
    // Everybody else tells events and returns errors.
    let speaks =
        |line: &String| ["io::stdout(", "io::stderr(", "print!", "println!"].iter().any(|word| line.contains(word));
    let strays: Vec<String> = sources()
        .iter()
        .filter(|source| !["cli/", "report/", "storage/new_file.rs"].iter().any(|home| source.path.starts_with(home)))
        .filter(|source| source.lines.iter().any(speaks))
        .map(|source| source.path.clone())
        .collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn every_exit_code_is_documented() {
    let help = fs::read_to_string(repository().join("src/cli/exit_code.rs")).unwrap();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let codes: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim().strip_suffix(',')?.split_once(" = "))
        .map(|(_, code)| code)
        .filter(|code| code.parse::<u8>().is_ok())
        .collect();
    assert!(codes.len() >= 8, "{codes:?}");
    for code in codes {
        assert!(readme.contains(&format!("\n| {code} |")), "README.md does not say what exit code {code} means");
    }
}

#[test]
fn the_checks_see_what_they_look_for() {
    let code = "use crate::data::Block;\nuse crate::{events, spec::{Job, Policies}};\nlet x = othercrate::run::y;";
    assert_eq!(named(code, "crate::"), BTreeSet::from(["data", "events", "spec"].map(str::to_owned)));
    assert!(has_word("use rayon::prelude::*;", "rayon") && !has_word("crayon", "rayon"));
    assert_eq!(production("a\n#[cfg(test)]\nmod tests {\n}\n"), ["a"]);
    assert_eq!(production("#[cfg(test)]\nmod tests;\na\n").len(), 3);
}
