"""Reads results with pandas, Polars and DuckDB: read.py FOLDER, which holds `cases.json`, a list of results and of what is
in them. Prints a line for whatever a reader sees otherwise."""

import datetime as dt
import decimal
import json
import math
import pathlib
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

FOLDER = pathlib.Path(sys.argv[1])


def plain(value):
    """A value as `cases.json` has it: moments in UTC, decimals as text."""
    match value:
        case dt.datetime():
            return (value.astimezone(dt.timezone.utc) if value.tzinfo else value).isoformat()
        case dt.date():
            return value.isoformat()
        case decimal.Decimal():
            return str(value)
        case list() | tuple():
            return [plain(part) for part in value]
        case dict():
            return {key: plain(part) for key, part in value.items()}
    return value


def kind(data_type):
    """What a type is called in `cases.json`; libraries have several for the same values."""
    types = pa.types
    if types.is_dictionary(data_type):
        return kind(data_type.value_type)
    if types.is_integer(data_type):
        return "integer"
    if types.is_floating(data_type):
        return "number"
    if types.is_boolean(data_type):
        return "flag"
    if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
        return "text"
    if types.is_decimal(data_type):
        return f"decimal({data_type.precision}, {data_type.scale})"
    if types.is_date(data_type):
        return "date"
    if types.is_timestamp(data_type):
        return "moment" if data_type.tz else "time of day and date"
    if types.is_struct(data_type):
        return "struct"
    if types.is_list(data_type) or types.is_large_list(data_type) or types.is_list_view(data_type):
        return "list"
    return str(data_type)


def paths(case):
    """The file, or the parts of the folder in their order."""
    path = FOLDER / case["path"]
    return sorted(path.glob("part-*")) if path.is_dir() else [path]


def by_pandas(case):
    """pandas reads folders of Parquet alone, and no Zstandard around a text without a library of its own."""
    arrow = {"dtype_backend": "pyarrow"}
    frames = []
    if case["format"] == "parquet":
        frames = [pd.read_parquet(FOLDER / case["path"], **arrow)]
    elif case["format"] == "arrow":
        frames = [pd.read_feather(path, **arrow) for path in paths(case)]
    else:
        for path in paths(case):
            compression = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
            with pa.input_stream(path, compression=compression) as stream:
                if case["format"] == "csv":
                    frames.append(pd.read_csv(stream, **arrow))
                else:
                    frames.append(pd.read_json(stream, lines=True, **arrow))
    return pa.Table.from_pandas(pd.concat(frames, ignore_index=True), preserve_index=False)


def by_polars(case):
    path = FOLDER / case["path"]
    scan = {"csv": pl.scan_csv, "jsonl": pl.scan_ndjson, "parquet": pl.scan_parquet, "arrow": pl.scan_ipc}
    return scan[case["format"]](path).collect().to_arrow()


def by_duckdb(case):
    connection = duckdb.connect()
    files = [str(path) for path in paths(case)]
    if case["format"] == "arrow":
        # Its own reader of Arrow is an extension; it takes a table of pyarrow as it is.
        tables = [pa.ipc.open_file(path).read_all() for path in files]
        return connection.from_arrow(pa.concat_tables(tables)).to_arrow_table()
    read = {"csv": "read_csv", "jsonl": "read_json", "parquet": "read_parquet"}[case["format"]]
    return connection.sql(f"SELECT * FROM {read}(?)", params=[files]).to_arrow_table()


def differences(case, table):
    if table.column_names != case["columns"]:
        yield f"has the columns {table.column_names}, not {case['columns']}"
        return
    if table.num_rows != case["rows"]:
        yield f"has {table.num_rows} rows, not {case['rows']}"
        return
    for expected in case["values"]:
        name = expected["name"]
        column = table[name]
        if kind(column.type) != expected["kind"]:
            yield f"{name} is {kind(column.type)} ({column.type}), not {expected['kind']}"
            continue
        if column.null_count != expected["nulls"]:
            yield f"{name} has {column.null_count} nulls, not {expected['nulls']}"
        for place, row in (("first", 0), ("last", table.num_rows - 1)):
            value = plain(column[row].as_py())
            if value != expected[place]:
                yield f"the {place} value of {name} is {value!r}, not {expected[place]!r}"
        if "sum" in expected:
            sum = pc.sum(column).as_py()
            if not math.isclose(sum, expected["sum"], rel_tol=1e-12):
                yield f"the sum of {name} is {sum}, not {expected['sum']}"


for case in json.loads((FOLDER / "cases.json").read_text()):
    for reader in (by_pandas, by_polars, by_duckdb):
        try:
            found = list(differences(case, reader(case)))
        except Exception as error:
            found = [f"fails: {error!r}"]
        for difference in found:
            print(f"{case['path']}, {reader.__name__}: {difference}")
