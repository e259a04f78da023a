"""Compares kept columns with those of the files they come from, as pyarrow reads both: compare.py FOLDER, which holds
results under the names of files in target/foreign. Prints a line for each column that differs."""

import pathlib
import sys
import uuid

import pyarrow.parquet as pq


def values(column):
    # The mark that 16 bytes are a UUID is not carried through.
    return [value.bytes if isinstance(value, uuid.UUID) else value for value in column.to_pylist()]


for result in sorted(pathlib.Path(sys.argv[1]).glob("*.parquet")):
    kept = pq.ParquetFile(result).read()
    source = pq.ParquetFile(pathlib.Path("target/foreign") / result.name).read()
    for name in source.column_names:
        before, after = source[name], kept[name]
        # As text, NaN is equal to itself.
        if str(values(before)) != str(values(after)):
            print(f"{result.stem}: {name} ({before.type}, now {after.type}) has other values")
