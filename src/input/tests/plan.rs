use super::*;
use crate::data::NamedFeature;
use crate::input::Header;

const F32: ElementType = ElementType::Float32;

fn settings(features: Option<&[&str]>, keep: Keep) -> InputSettings {
    let features = features.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    InputSettings { features, keep, ..items(1) }
}

/// The names of the plan's columns for a file with header `a,b,c,id`, or what is wrong.
fn columns(needs: &FeatureNeeds, settings: InputSettings) -> Result<String, String> {
    let files = Files::new(settings, &[("a.csv", b"a,b,c,id\n1,2,3,4\n")]);
    let plan = files.plan(needs).map_err(|error| error.to_string())?;
    let names: Vec<_> = plan.record_schema().fields().iter().map(|field| field.name().clone()).collect();
    let (features, kept) = names.split_at(plan.feature_count());
    Ok(format!("{}|{}", features.join(","), kept.join(",")))
}

fn named(names: &[&str]) -> FeatureNeeds {
    FeatureNeeds::Named(names.iter().map(|name| NamedFeature { name: (*name).to_owned(), element: F32 }).collect())
}

#[test]
fn columns_are_chosen() {
    let open = FeatureNeeds::Table { element: F32, count: None };
    for (needs, features, keep, expected) in [
        (table(F32, 4), None, Keep::None, "a,b,c,id|"),
        (table(F32, 3), None, keep(&["id"]), "a,b,c|id"),
        (table(F32, 4), None, keep(&["id"]), "a,b,c,id|id"),
        (table(F32, 2), Some(&["c", "a"][..]), keep(&["id"]), "c,a|id"),
        (table(F32, 4), None, Keep::All, "a,b,c,id|a,b,c,id"),
        (open.clone(), None, keep(&["id"]), "a,b,c|id"),
        (open.clone(), None, Keep::All, "a,b,c,id|a,b,c,id"),
        (open, Some(&["b"][..]), Keep::None, "b|"),
        (named(&["b", "a"]), None, Keep::None, "b,a|"),
        (named(&["x", "y"]), Some(&["b", "a"][..]), keep(&["a"]), "x,y|a"),
        (FeatureNeeds::Anything, None, keep(&["id"]), "a,b,c,id|id"),
        (FeatureNeeds::Anything, Some(&["id"][..]), Keep::None, "id|"),
    ] {
        assert_eq!(columns(&needs, settings(features, keep)), Ok(expected.to_owned()));
    }
}

#[test]
fn choices_that_cannot_be_made() {
    for (needs, features, keep, expected) in [
        (
            table(F32, 3),
            None,
            Keep::None,
            "a.csv: the model takes 3 columns, but the data has 4 (\"a\", \"b\", \"c\", \"id\"): say which of them, in the \
             model's order, with --features",
        ),
        (table(F32, 3), Some(&["a"][..]), Keep::None, "a.csv: the model takes 3 columns, but --features names 1"),
        (
            table(F32, 1),
            Some(&["idd"][..]),
            Keep::None,
            "a.csv: has no column \"idd\"; did you mean \"id\"?; its columns are \"a\", \"b\", \"c\", \"id\"",
        ),
        (
            table(F32, 4),
            None,
            keep(&["zz"]),
            "a.csv: has no column \"zz\"; its columns are \"a\", \"b\", \"c\", \"id\"",
        ),
        (
            named(&["x", "y"]),
            Some(&["a"][..]),
            Keep::None,
            "a.csv: the model takes 2 columns (\"x\", \"y\"), but --features names 1",
        ),
    ] {
        assert_eq!(columns(&needs, settings(features, keep)), Err(expected.to_owned()));
    }
}

#[test]
fn without_a_header_positions_are_names() {
    let read = |features: Option<&[&str]>, needs: &FeatureNeeds| {
        let settings = InputSettings { header: Header::Off, ..settings(features, keep(&["3", "column_0"])) };
        read_one(needs, settings, "a.csv", b"1,2,3,4\n", 1).map_err(|error| error.to_string())
    };
    let (plan, blocks) = read(Some(&["2", "column_1"]), &table(F32, 2)).unwrap();
    let names: Vec<_> = plan.record_schema().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["column_2", "column_1", "column_3", "column_0"]);
    assert_eq!((floats(&blocks, 0), floats(&blocks, 1)), (vec![3.0], vec![2.0]));
    let error = read(Some(&["4"]), &table(F32, 1)).unwrap_err();
    assert!(error.contains("has no header") && error.contains("it has 4 columns"), "{error}");
    assert!(read(None, &named(&["x"])).unwrap_err().contains("--features 0,1"));
    assert!(read(Some(&["1"]), &named(&["x"])).is_ok());
}

#[test]
fn repeated_names_matter_only_when_asked_for() {
    let files = Files::new(items(1), &[("a.csv", b"a,a,b\n1,2,3\n"), ("b.csv", b"a,a,b\n1,2,3\n")]);
    let plan = files.plan(&table(F32, 3)).unwrap();
    assert_eq!(floats(&files.read(&plan, 1, 1).unwrap(), 1), [2.0]);
    assert!(files.plan(&named(&["b"])).is_ok());
    let error = files.plan(&named(&["a"])).err().unwrap().to_string();
    assert!(error.contains("column \"a\" is there more than once"), "{error}");
}

#[test]
fn the_first_file_that_can_be_read_decides() {
    let files = Files::new(items(1), &[("a.parquet", b"junk"), ("b.csv", b""), ("c.csv", b"a,b\n1,2\n")]);
    let plan = files.plan(&table(F32, 2)).unwrap();
    assert!(files.read(&plan, 0, 1).err().unwrap().to_string().contains("it is not a Parquet file, or not all of it"));
    assert_eq!(files.read(&plan, 2, 1).unwrap().len(), 1);
    let files = Files::new(items(1), &[("a.csv", b""), ("b.csv", b"")]);
    assert_eq!(files.plan(&table(F32, 2)).err().unwrap().to_string(), "a.csv is empty: no header and no records");
}

#[test]
fn listing_says_what_it_passes_over() {
    let files =
        Files::new(items(1), &[("b.csv", b"1\n"), ("a.csv", b"1\n"), ("a/c.parquet", b""), ("readme.txt", b"")]);
    let names: Vec<_> = files.listing.known().map(|file| file.file.name.as_str()).collect();
    assert_eq!(names, ["a.csv", "a/c.parquet", "b.csv"]);
    let found = files.listing.found();
    assert_eq!((found.skipped, &found.skipped_names[..], found.bytes), (1, &["readme.txt".to_owned()][..], 4));
    assert!(found.is_all);
    assert_eq!(files.listing.known().nth(2).unwrap().file.index, 2);
    let dir = TempDir::new();
    let path = dir.file("x/readme.txt", b"1\n");
    let error = list(&Stores::default(), &[Pointer::Local(path.clone())], &items(1)).err().unwrap().to_string();
    assert!(error.contains("--input-format"), "{error}");
    let error = list(&Stores::default(), &[Pointer::Local(dir.path().into())], &items(1)).err().unwrap().to_string();
    assert!(error.starts_with("found no file to score") && error.contains("--input-format"), "{error}");
    let forced = InputSettings { format: Some(crate::input::InputFormat::Csv), ..items(1) };
    assert_eq!(list(&Stores::default(), &[Pointer::Local(path)], &forced).unwrap().found().files, 1);
}
