use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
    Int64Array, StringArray, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::DataType;

use arrow_array::Array;

use super::*;

/// Rows for which a condition on one column `x` holds.
fn taken(filter: &str, array: ArrayRef, origin: Origin) -> Vec<usize> {
    let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
    let [column] = filter.columns() else { panic!("{filter} has not one column") };
    // How values are laid out is no matter.
    let laid_out = matches!(array.data_type(), DataType::Utf8View | DataType::Dictionary(..));
    if origin == Origin::Typed && !laid_out {
        check(&filter, 0, array.data_type()).unwrap();
    }
    let (values, bad) = Values::of(&array, &column.name, column.kind, origin).unwrap();
    assert!(bad.is_empty(), "{bad:?}");
    filter.rows(&[values], array.len()).yes.set_indices().collect()
}

fn typed(filter: &str, array: impl arrow_array::Array + 'static) -> Vec<usize> {
    taken(filter, Arc::new(array), Origin::Typed)
}

#[test]
fn numbers() {
    let x = || Int64Array::from(vec![Some(-2), Some(0), None, Some(5), Some(7)]);
    for (filter, expected) in [
        ("x = 5", vec![3]),
        ("x == 5", vec![3]),
        ("5 = x", vec![3]),
        ("5 < x", vec![4]),
        ("x <> 5", vec![0, 1, 4]),
        ("x != 5.5", vec![0, 1, 3, 4]),
        ("x < 0.5", vec![0, 1]),
        ("x >= 5", vec![3, 4]),
        ("x > -2", vec![1, 3, 4]),
        ("x IS NULL", vec![2]),
        ("x IS NOT NULL", vec![0, 1, 3, 4]),
        ("NOT x > 0", vec![0, 1]),
        ("NOT (x > 0 OR x IS NULL)", vec![0, 1]),
        ("x IN (7, -2, 99)", vec![0, 4]),
        ("x NOT IN (7, -2)", vec![1, 3]),
        ("x BETWEEN 0 AND 5", vec![1, 3]),
        ("x NOT BETWEEN 0 AND 5", vec![0, 4]),
        ("x > 0 AND x < 6 OR x = -2", vec![0, 3]),
        ("x > 0 AND (x < 6 OR x = 7)", vec![3, 4]),
        ("(((x))) = (5)", vec![3]),
        ("\"x\" = 5", vec![3]),
        ("x = 1 OR x = 5 OR x = 7 OR x IS NULL", vec![2, 3, 4]),
    ] {
        assert_eq!(typed(filter, x()), expected, "{filter}");
    }
}

#[test]
fn each_type_of_numbers() {
    assert_eq!(typed("x > 1", Int8Array::from(vec![1, 2])), [1]);
    assert_eq!(typed("x = 18446744073709551615", UInt64Array::from(vec![u64::MAX - 1, u64::MAX])), [1]);
    // Whole numbers are not rounded, though float64 does not hold them.
    let ids = Int64Array::from(vec![9_007_199_254_740_992, 9_007_199_254_740_993]);
    assert_eq!(typed("x = 9007199254740993", ids), [1]);
    // What was written as 0.1 is found again in float32.
    assert_eq!(typed("x = 0.1", Float32Array::from(vec![0.1, 0.2])), [0]);
    assert_eq!(typed("x <= 0.1", Float32Array::from(vec![0.1, 0.2])), [0]);
    assert_eq!(typed("x IN (0.2, 1e300)", Float32Array::from(vec![0.1, 0.2])), [1]);
    assert_eq!(typed("x < 1e300", Float32Array::from(vec![f32::INFINITY, f32::MAX])), [1]);
    let decimals = Decimal128Array::from(vec![Some(1999), Some(2000), None]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(typed("x = 19.99", decimals), [0]);
    // NaN is a missing value.
    let floats = || Float64Array::from(vec![Some(f64::NAN), Some(1.0), None, Some(-0.0)]);
    assert_eq!(typed("x <> 1", floats()), [3]);
    assert_eq!(typed("x = 0", floats()), [3]);
    assert_eq!(typed("x IS NULL", floats()), [0, 2]);
    assert_eq!(typed("NOT x = 1", floats()), [3]);
}

#[test]
fn decimals_are_compared_exactly() {
    let whole = |values: Vec<Option<i128>>| Decimal128Array::from(values).with_precision_and_scale(38, 0).unwrap();
    let large = 12_345_678_901_234_567_890;
    let ids = || whole(vec![Some(large - 1), Some(large), None, Some(large + 1)]);
    for (filter, expected) in [
        ("x = 12345678901234567890", vec![1]),
        ("x <> 12345678901234567890", vec![0, 3]),
        ("x > 12345678901234567890", vec![3]),
        ("x < 12345678901234567890.5", vec![0, 1]),
        ("x IN (12345678901234567889, 5, 12345678901234567891)", vec![0, 3]),
        ("x < 1e300 AND x > -1e300", vec![0, 1, 3]),
        ("x IS NULL", vec![2]),
    ] {
        assert_eq!(typed(filter, ids()), expected, "{filter}");
    }
    let coins = |scale, values: Vec<i128>| Decimal128Array::from(values).with_precision_and_scale(38, scale).unwrap();
    let satoshi = || coins(18, vec![1_000_000_000_000_000_000, 1_000_000_000_000_000_001]);
    assert_eq!(typed("x > 1", satoshi()), [1]);
    assert_eq!(typed("x = 1.000000000000000001", satoshi()), [1]);
    assert_eq!(typed("x BETWEEN 1.0000000000000000005 AND 2", satoshi()), [1]);
    assert_eq!(typed("x IN (0.1, 0.30)", coins(2, vec![10, 20, 30])), [0, 2]);
    assert_eq!(typed("x >= -0.105", coins(2, vec![-11, -10])), [1]);
    assert_eq!(typed("x = 12300", coins(-2, vec![123, 124])), [0]);
    let wide = arrow_array::Decimal256Array::from(vec![arrow_buffer::i256::from_i128(large), arrow_buffer::i256::MAX]);
    assert_eq!(typed("x = 12345678901234567890", wide.with_precision_and_scale(76, 0).unwrap()), [0]);
}

#[test]
fn instants_of_named_zones() {
    let instants = |zone: &str| {
        TimestampMicrosecondArray::from(vec![Some(1_769_817_600_000_000), None, Some(1_769_817_600_000_001)])
            .with_timezone(zone)
    };
    for zone in ["UTC", "Etc/UTC", "GMT", "+00:00"] {
        assert_eq!(typed("x > '2026-01-31'", instants(zone)), [2], "{zone}");
        assert_eq!(typed("x IN ('2026-01-31T00:00:00', '2027-01-01')", instants(zone)), [0], "{zone}");
        assert_eq!(typed("x <= '2026-01-31T01:00:00+01:00'", instants(zone)), [0], "{zone}");
    }
    assert_eq!(typed("x > '2026-01-31T01:00:00'", instants("Europe/Berlin")), [2]);
    assert_eq!(typed("x <= '2026-01-31T00:00:00Z'", instants("Middle/Earth")), [0]);
    let filter: Filter = "x > '2026-01-31'".parse().unwrap();
    let error = check(&filter, 0, instants("Middle/Earth").data_type()).unwrap_err();
    assert!(error.contains("with the offset from UTC"), "{error}");
}

#[test]
fn texts_truth_values_and_dates() {
    let x = || StringArray::from(vec![Some("DE"), Some("de"), None, Some(""), Some("D'E")]);
    for (filter, expected) in [
        ("x = 'DE'", vec![0]),
        ("x <> 'DE'", vec![1, 3, 4]),
        ("x < 'E'", vec![0, 3, 4]),
        ("x IN ('de', '')", vec![1, 3]),
        ("x LIKE 'D%'", vec![0, 4]),
        ("x NOT LIKE 'D%'", vec![1, 3]),
        ("x = 'D''E'", vec![4]),
        ("x LIKE '%!_' ESCAPE '!'", vec![]),
    ] {
        assert_eq!(typed(filter, x()), expected, "{filter}");
    }
    assert_eq!(typed("x = 'b'", StringViewArray::from(vec!["a", "b"])), [1]);
    let dictionary: DictionaryArray<arrow_array::types::Int32Type> =
        vec![Some("a"), None, Some("b")].into_iter().collect();
    assert_eq!(typed("x >= 'a'", dictionary), [0, 2]);
    let truth = || BooleanArray::from(vec![Some(true), Some(false), None]);
    assert_eq!(typed("x = TRUE", truth()), [0]);
    assert_eq!(typed("x <> true", truth()), [1]);
    let days = || Date32Array::from(vec![Some(0), Some(1), None]);
    assert_eq!(typed("x > '1970-01-01'", days()), [1]);
    assert_eq!(typed("x IN (DATE '1970-01-01')", days()), [0]);
    assert_eq!(typed("x IS NULL", arrow_array::NullArray::new(2)), [0, 1]);
    assert!(typed("x = 'a'", arrow_array::NullArray::new(2)).is_empty());
}

#[test]
fn texts_of_files_are_read_as_what_they_are_compared_with() {
    let csv = || Arc::new(StringArray::from(vec!["5", "", "5.50", " 6", "NaN"])) as ArrayRef;
    for (filter, expected) in [
        ("x = 5.5", vec![2]),
        ("x > 5", vec![2, 3]),
        ("x < 100", vec![0, 2, 3]),
        ("x = '5'", vec![0]),
        ("x <> '5'", vec![2, 3, 4]),
        ("x IS NULL", vec![1]),
        ("x IS NULL OR x > 1000", vec![1, 4]),
    ] {
        assert_eq!(taken(filter, csv(), Origin::Csv), expected, "{filter}");
    }
    let json = || Arc::new(StringArray::from(vec![Some("5"), Some("null"), None, Some("6.5")])) as ArrayRef;
    assert_eq!(taken("x > 1", json(), Origin::Json), [0, 3]);
    assert_eq!(taken("x IS NULL", json(), Origin::Json), [1, 2]);
    assert_eq!(taken("x = '5'", json(), Origin::Json), [0]);
    let texts = Arc::new(StringArray::from(vec![Some(r#""a\u0062""#), Some("\"\""), None])) as ArrayRef;
    assert_eq!(taken("x = 'ab'", Arc::clone(&texts), Origin::Json), [0]);
    assert_eq!(taken("x <> 'ab'", texts, Origin::Json), [1]);
    let truth = Arc::new(StringArray::from(vec!["true", "0", ""])) as ArrayRef;
    assert_eq!(taken("x = FALSE", truth, Origin::Csv), [1]);
}

#[test]
fn values_that_cannot_be_compared_are_named() {
    let bad = |kind, origin, text: &str| {
        let array: ArrayRef = Arc::new(StringArray::from(vec!["null", text]));
        let (_, bad) = Values::of(&array, "age", kind, origin).unwrap();
        bad.into_iter().map(|bad| (bad.index, bad.cause)).collect::<Vec<_>>()
    };
    let expected = |shown: &str, what: &str| {
        vec![(1, format!("column \"age\": {shown} is not {what}, and --where compares it as such"))]
    };
    assert_eq!(bad(Kind::Number, Origin::Csv, "old"), expected(r#""old""#, "a number"));
    assert_eq!(bad(Kind::Number, Origin::Json, r#""5""#), expected(r#""\"5\"""#, "a number"));
    assert_eq!(bad(Kind::Bool, Origin::Json, "2"), expected(r#""2""#, "true, false, 1 or 0"));
    assert_eq!(bad(Kind::Text, Origin::Json, "[1]"), expected(r#""[1]""#, "a text"));
    assert_eq!(bad(Kind::Any, Origin::Json, "[1]"), []);
}

#[test]
fn what_is_not_supported_is_named() {
    for (filter, part) in [
        ("x >", "Expected: an expression"),
        ("x = 5 y", "`y` is not expected behind `x = 5`"),
        ("", "supported are"),
        ("x", "`x` alone is no condition: write `x = TRUE`"),
        ("x = y", "`x = y` compares two columns"),
        ("x = NULL", "write IS NULL"),
        ("x IN (1, NULL)", "write IS NULL"),
        ("x IN (1, 'a')", "neither of numbers nor of 'texts'"),
        ("x IN ()", ""),
        ("x + 1 > 5", "`x + 1` is not supported"),
        ("lower(x) = 'a'", "`lower(x)` is not supported"),
        ("x ILIKE 'a'", "is not supported"),
        ("x LIKE y", "`y` is not supported"),
        ("x = (SELECT 1)", "is not supported"),
        ("a.b = 5", "write \"a.b\""),
        ("'x' = 5", "`'x'` is a value where a column is expected"),
        ("x = 5 AND x = 'a'", "column \"x\" is compared with numbers and with texts"),
        ("x || 'a' = 'b'", "is not supported"),
        ("CASE WHEN x = 1 THEN true END", "is not supported"),
        ("x = 5; DROP TABLE y", "`;` is not expected"),
        ("x = 0x10", "is not"),
    ] {
        let error = filter.parse::<Filter>().unwrap_err();
        assert!(error.contains(part), "{filter}: {error}");
    }
    // Neither a deep nor a long condition overflows the stack.
    let deep = format!("{}x = 1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert!(deep.parse::<Filter>().unwrap_err().contains("recursion limit"));
    let long = vec!["x = 1"; 100_000].join(" OR ");
    assert_eq!(typed(&long, Int8Array::from(vec![0, 1])), [1]);
}

#[test]
fn types_that_do_not_fit_are_refused() {
    let time = DataType::Timestamp(arrow_schema::TimeUnit::Second, None);
    for (filter, data_type, part) in [
        ("x = 5", DataType::Utf8, "write texts in quotes"),
        ("x = 5", DataType::Date32, "write dates and times in quotes"),
        ("x = 5", DataType::Boolean, "has type Boolean, and --where compares it with a number"),
        ("x = '5'", DataType::Int64, "write the number without quotes"),
        ("x = 'a'", DataType::Boolean, "write true or false without quotes"),
        ("x = TRUE", DataType::Int64, "a truth value"),
        ("x = 'soon'", time.clone(), "\"soon\", which is no value of that type"),
        ("x LIKE '2024%'", time, "a pattern"),
        ("x = 'a'", DataType::Binary, "has type Binary"),
    ] {
        let filter: Filter = filter.parse().unwrap();
        let error = check(&filter, 0, &data_type).unwrap_err();
        assert!(error.contains(part), "{filter} {data_type}: {error}");
    }
    for (filter, data_type) in
        [("x IS NULL", DataType::Binary), ("x = 1", DataType::Decimal128(10, 2)), ("x = 1", DataType::Null)]
    {
        check(&filter.parse().unwrap(), 0, &data_type).unwrap();
    }
}

/// What may be, for values within bounds.
fn possible(filter: &str, least: i64, largest: i64, missing: bool, present: bool) -> (bool, bool) {
    let filter: Filter = filter.parse().unwrap();
    let end = |value: i64| {
        let array: ArrayRef = Arc::new(Int64Array::from(vec![value]));
        Values::of(&array, "x", filter.columns()[0].kind, Origin::Typed).unwrap().0
    };
    let bounds = Bounds::Within { ends: Some((end(least), end(largest))), missing, present };
    let truth = filter.possible(&[bounds]);
    (truth.yes, truth.no)
}

#[test]
fn bounds_rule_out_what_cannot_be() {
    for (filter, least, largest, yes, no) in [
        ("x = 5", 1, 4, false, true),
        ("x = 5", 5, 5, true, false),
        ("x = 5", 1, 9, true, true),
        ("x <> 5", 5, 5, false, true),
        ("x < 5", 5, 9, false, true),
        ("x < 5", 1, 4, true, false),
        ("x <= 5", 5, 9, true, true),
        ("x > 5", 1, 5, false, true),
        ("x >= 5", 5, 6, true, false),
        ("x IN (1, 5)", 2, 8, true, true),
        ("x IN (1, 10)", 2, 8, false, true),
        ("NOT x < 5", 1, 4, false, true),
        ("x > 5 AND x < 3", 0, 9, true, true),
        ("x > 10 OR x < 0", 0, 9, false, true),
    ] {
        assert_eq!(possible(filter, least, largest, true, true), (yes, no), "{filter} in {least}..{largest}");
    }
    assert_eq!(possible("x IS NULL", 1, 2, false, true), (false, true));
    assert_eq!(possible("x IS NULL", 1, 2, true, false), (true, false));
    assert_eq!(possible("x = 1", 1, 2, true, false), (false, false));
    assert_eq!(possible("NOT x = 1", 1, 2, true, false), (false, false));
}
