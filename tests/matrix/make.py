"""Trains and exports the models of the matrix, and writes their data and results.

    python tests/matrix/make.py target/matrix [part of a name]...
"""

import json
import shutil
import sys
from pathlib import Path

import linear_models
import pipelines
import single_operators
import tree_models
from maker import Maker


def main():
    folder, only = Path(sys.argv[1]), sys.argv[2:]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make = Maker(folder, only)
    for part in (linear_models, tree_models, pipelines, single_operators):
        part.cases(make)
    (folder / "not_exported.json").write_text(json.dumps(make.not_exported, indent=1))
    print(f"{len(make.made)} models made, {len(make.not_exported)} not exported")


if __name__ == "__main__":
    main()
