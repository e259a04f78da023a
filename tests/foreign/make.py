"""Parquet files as other programs write them, and what is in them: make.py FOLDER.

Each file has a column `id` that counts from 0, a column `x` of float64, and columns of its own. Beside it lies a file of
the same name with `.json`, with what pyarrow reads in it: one object a row, in a form that JSON has (`plain` below).
`identity.onnx` is a model that gives back the number that it takes.
"""

import datetime as dt
import decimal
import json
import math
import pathlib
import sys
import uuid

import duckdb
import numpy as np
import onnx
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = pathlib.Path(sys.argv[1])
ROWS = 1000
RANDOM = np.random.default_rng(7)


def plain(value):
    """What a value is in JSON: bytes in hexadecimal, moments and decimals as text, NaN and infinities as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case bytes():
            return value.hex()
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return value.total_seconds()
        case decimal.Decimal():
            return str(value)
        case list() | tuple():
            return [plain(part) for part in value]
        case dict():
            return {key: plain(part) for key, part in value.items()}
        case uuid.UUID():
            return value.hex
    raise TypeError(type(value))


def expect(name):
    rows = pq.ParquetFile(FOLDER / f"{name}.parquet").read().to_pylist()
    (FOLDER / f"{name}.json").write_text(json.dumps([{key: plain(value) for key, value in row.items()} for row in rows]))


def some(values):
    """The values with every seventh missing."""
    return [None if row % 7 == 3 else value for row, value in enumerate(values)]


def common(rows=ROWS):
    return {"id": pa.array(range(rows), pa.int64()), "x": pa.array(RANDOM.normal(size=rows))}


def numbers(rows=ROWS):
    """Columns that a model can take, and texts."""
    whole = [int(value) for value in RANDOM.integers(0, 100, rows)]
    return {
        **common(rows),
        "i8": pa.array(some([value - 50 for value in whole]), pa.int8()),
        "i16": pa.array(some(whole), pa.int16()),
        "i32": pa.array([value * 1000 for value in whole], pa.int32()),
        "u32": pa.array([value + 2**32 - 200 for value in whole], pa.uint32()),
        "u64": pa.array([value + 2**53 for value in whole], pa.uint64()),
        "f32": pa.array(some(RANDOM.normal(size=rows).astype(np.float32)), pa.float32()),
        "flag": pa.array(some([value % 2 == 0 for value in whole]), pa.bool_()),
        "few": pa.array([f"category {value % 5}" for value in whole], pa.string()),
        "text": pa.array(some([f"текст {value} \u65e5\u672c" for value in whole]), pa.string()),
    }


def write(name, columns, **options):
    pq.write_table(pa.table(columns), FOLDER / f"{name}.parquet", **options)
    expect(name)


def of_pyarrow():
    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        for page in ["1.0", "2.0"]:
            write(f"pyarrow-{codec}-v{page[0]}", numbers(), compression=codec, data_page_version=page, row_group_size=300)
    for version in ["1.0", "2.4", "2.6"]:
        write(f"pyarrow-format-{version}", numbers(), version=version)
    write("pyarrow-no-dictionary", numbers(), use_dictionary=False)
    delta = {"id": "DELTA_BINARY_PACKED", "i32": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "few": "DELTA_LENGTH_BYTE_ARRAY"}
    write("pyarrow-delta", numbers(), use_dictionary=False, column_encoding=delta)
    split = {"x": "BYTE_STREAM_SPLIT", "f32": "BYTE_STREAM_SPLIT", "i32": "BYTE_STREAM_SPLIT"}
    write("pyarrow-byte-stream-split", numbers(), use_dictionary=False, column_encoding=split)
    write("pyarrow-rle-flags", numbers(), use_dictionary=False, column_encoding={"flag": "RLE"}, data_page_version="2.0")
    write("pyarrow-page-index", numbers(), write_page_index=True, data_page_size=500)
    write("pyarrow-bloom", numbers(), bloom_filter_options={"few": True, "id": True})
    write("pyarrow-checksums", numbers(), write_page_checksum=True)
    write("pyarrow-many-row-groups", numbers(), row_group_size=7)
    write("pyarrow-no-arrow-schema", numbers(), store_schema=False)
    write("pyarrow-statistics-off", numbers(), write_statistics=False)
    write("pyarrow-no-rows", numbers(0))
    write("pyarrow-dots", {**common(), "a.b": pa.array(range(ROWS)), "c d": pa.array(range(ROWS)), "\u00fc,\"": pa.array(range(ROWS))})
    large = [("large " * 40_000) + str(row) for row in range(20)]
    write("pyarrow-large-strings", {**common(20), "text": pa.array(large, pa.large_string())})
    with pq.ParquetWriter(FOLDER / "pyarrow-empty-groups.parquet", pa.table(numbers(0)).schema) as writer:
        for rows in (0, 10, 0, 5):
            table = pa.table(numbers(rows))
            writer.write_table(table)
    expect("pyarrow-empty-groups")


def of_polars():
    frame = pl.from_arrow(pa.table(numbers()))
    for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        frame.write_parquet(FOLDER / f"polars-{codec}.parquet", compression=codec, row_group_size=300)
        expect(f"polars-{codec}")
    frame.with_columns(pl.col("few").cast(pl.Categorical)).write_parquet(FOLDER / "polars-categorical.parquet")
    expect("polars-categorical")
    frame.lazy().sink_parquet(FOLDER / "polars-sink.parquet", data_page_size=400)
    expect("polars-sink")


def of_duckdb():
    numbers_of_duckdb = pa.table(numbers())  # noqa: F841: DuckDB finds it by its name
    connection = duckdb.connect()
    for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4", "lz4_raw", "brotli"]:
        for version in ["V1", "V2"]:
            name = f"duckdb-{codec}-{version.lower()}"
            to = f"TO '{FOLDER / name}.parquet' (FORMAT parquet, CODEC '{codec}', PARQUET_VERSION '{version}', ROW_GROUP_SIZE 2048)"
            connection.execute(f"COPY (SELECT * FROM numbers_of_duckdb) {to}")
            expect(name)


def types():
    """One type a file, in a column `v`."""
    day = dt.date(2024, 2, 29)
    moment = dt.datetime(2024, 2, 29, 13, 37, 59, 123456)
    moments = [moment + dt.timedelta(hours=row) for row in range(ROWS)]
    decimals = [decimal.Decimal(row * 7919 - 3_000_000).scaleb(-3) for row in range(ROWS)]
    wide = [decimal.Decimal(f"{row}12345678901234567890.123456789") for row in range(ROWS)]
    texts = [f"text {row % 9}" for row in range(ROWS)]
    pairs = [{"a": row, "b": str(row)} for row in range(ROWS)]
    kinds = {
        "date32": pa.array(some([day + dt.timedelta(days=row) for row in range(ROWS)]), pa.date32()),
        "date64": pa.array(some([day + dt.timedelta(days=row) for row in range(ROWS)]), pa.date64()),
        "time-ms": pa.array(some([moment.time().replace(microsecond=5000)] * ROWS), pa.time32("ms")),
        "time-us": pa.array(some([moment.time()] * ROWS), pa.time64("us")),
        "timestamp-ms": pa.array(some([m.replace(microsecond=5000) for m in moments]), pa.timestamp("ms")),
        "timestamp-us": pa.array(some(moments), pa.timestamp("us")),
        "timestamp-ns": pa.array(some(moments), pa.timestamp("ns")),
        "timestamp-utc": pa.array(some(moments), pa.timestamp("us", "UTC")),
        "timestamp-berlin": pa.array(some(moments), pa.timestamp("us", "Europe/Berlin")),
        "duration": pa.array(some([dt.timedelta(seconds=row) for row in range(ROWS)]), pa.duration("us")),
        "decimal32": pa.array(some(decimals), pa.decimal32(9, 3)),
        "decimal64": pa.array(some(decimals), pa.decimal64(15, 3)),
        "decimal128": pa.array(some(decimals), pa.decimal128(20, 3)),
        "decimal128-wide": pa.array(some(wide), pa.decimal128(38, 9)),
        "decimal256": pa.array(some(wide), pa.decimal256(60, 9)),
        "binary": pa.array(some([bytes([row % 256, 0, 255]) for row in range(ROWS)]), pa.binary()),
        "large-binary": pa.array(some([bytes([row % 256]) for row in range(ROWS)]), pa.large_binary()),
        "fixed-binary": pa.array(some([row.to_bytes(4) for row in range(ROWS)]), pa.binary(4)),
        "uuid": pa.array(some([uuid.UUID(int=row).bytes for row in range(ROWS)]), pa.uuid()),
        "string": pa.array(some(texts)),
        "large-string": pa.array(some(texts), pa.large_string()),
        "string-view": pa.array(some(texts), pa.string_view()),
        "dictionary": pa.array(some(texts)).dictionary_encode(),
        "dictionary-of-numbers": pa.array(some([row % 5 for row in range(ROWS)])).dictionary_encode(),
        "float16": pa.array(some([np.float16(row / 8) for row in range(ROWS)]), pa.float16()),
        "bool": pa.array(some([row % 2 == 0 for row in range(ROWS)])),
        "null": pa.nulls(ROWS),
        "list": pa.array(some([[row, None, row + 1] for row in range(ROWS)]), pa.list_(pa.int32())),
        "large-list": pa.array(some([["a", str(row)] for row in range(ROWS)]), pa.large_list(pa.string())),
        "fixed-list": pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(pa.float32(), 2)),
        "empty-lists": pa.array(some([[] for _ in range(ROWS)]), pa.list_(pa.int32())),
        "struct": pa.array(some(pairs), pa.struct([("a", pa.int64()), ("b", pa.string())])),
        "deep": pa.array(some([[{"a": [row]}] for row in range(ROWS)]), pa.list_(pa.struct([("a", pa.list_(pa.int64()))]))),
        "map": pa.array(some([[("k", row)] for row in range(ROWS)]), pa.map_(pa.string(), pa.int64())),
    }
    for kind, column in kinds.items():
        write(f"type-{kind}", {**common(), "v": column})
    write("type-timestamp-int96", {**common(), "v": kinds["timestamp-ns"]}, use_deprecated_int96_timestamps=True)


def types_of_duckdb():
    connection = duckdb.connect()
    for kind, value in {
        "hugeint": "(range * 1000000007)::HUGEINT",
        "enum": "(CASE range % 2 WHEN 0 THEN 'even' ELSE 'odd' END)::ENUM('even', 'odd')",
        "interval": "to_days(range::INTEGER)",
        "json": "to_json({'a': range})",
        "uuid": "'00000000-0000-0000-0000-000000000001'::UUID",
        "struct": "{'a': range, 'b': 'text'}",
        "timestamp-tz": "'2024-02-29 13:37:59+00'::TIMESTAMPTZ",
        "decimal": "range::DECIMAL(18, 3)",
        "bit": "'0101'::BIT",
    }.items():
        name = f"type-duckdb-{kind}"
        query = f"SELECT range AS id, range::DOUBLE AS x, {value} AS v FROM range({ROWS})"
        connection.execute(f"COPY ({query}) TO '{FOLDER / name}.parquet' (FORMAT parquet)")
        expect(name)


def identity():
    element = onnx.TensorProto.DOUBLE
    ports = [onnx.helper.make_tensor_value_info(name, element, ["N", 1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "identity", ports[:1], ports[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, FOLDER / "identity.onnx")


FOLDER.mkdir(parents=True, exist_ok=True)
of_pyarrow()
of_polars()
of_duckdb()
types()
types_of_duckdb()
identity()
