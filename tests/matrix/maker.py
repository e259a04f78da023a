"""Trains a model, exports it, and writes it with its data and expected results."""

import csv
import json
import traceback
import warnings

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

import tables

TENSORS = {
    "float32": FloatTensorType,
    "float64": DoubleTensorType,
    "int64": Int64TensorType,
    "string": StringTensorType,
}
NUMPY = {"float32": np.float32, "float64": np.float64, "int64": np.int64, "string": str}


def initial_types(table):
    """What goes into the exported model, in skl2onnx's words."""
    if table.several:
        return [(name, TENSORS[kind]([None, 1])) for name, kind in table.types.items()]
    return [("X", TENSORS[table.types]([None, np.shape(table.test)[1]]))]


class Maker:
    """Writes each model into a folder of its own below `folder`."""

    def __init__(self, folder, only):
        self.folder = folder
        self.only = only
        self.made = []
        self.not_exported = []

    def wants(self, name):
        return not self.only or any(part in name for part in self.only)

    def sklearn(self, name, model, table, target=None, **settings):
        """Train a scikit-learn model and export it with skl2onnx.

        `target` names a target of the table. Settings: `options` and `opset` of
        the export, `fit` (arguments of fit), and those of `write`.
        """
        options = settings.pop("options", None)
        opset = settings.pop("opset", None)
        fit = settings.pop("fit", {})

        def export():
            if table.several and len(table.types) == 1:
                train = table.train.iloc[:, 0]
            else:
                train = table.train
            if target is None:
                model.fit(train, **fit)
            else:
                model.fit(train, table.targets[target], **fit)
            chosen = {id(model): options} if options else None
            return convert_sklearn(
                model, initial_types=initial_types(table), options=chosen,
                target_opset=opset,
            )

        self.add(name, export, model, table, **settings)

    def add(self, name, export, model, table, **settings):
        """Export by calling `export`, then write; what fails in it is reported."""
        if not self.wants(name):
            return
        assert name not in self.made, name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                exported = export()
            except Exception as error:
                message = str(error).strip() or repr(error)
                reason = f"{type(error).__name__}: {message.splitlines()[0]}"
                self.not_exported.append((name, reason[:300]))
                return
            try:
                self.write(name, exported, model, table, **settings)
            except onnxruntime.capi.onnxruntime_pybind11_state.Fail as error:
                self.not_exported.append((name, f"onnxruntime: {error}"[:300]))
            except Exception:
                print(f"{name}:\n{traceback.format_exc()}")
                raise

    def write(self, name, exported, model, table, methods=None, wild=False,
              missing=False, unknown=None, tolerance=1e-5, reason="", native=None,
              probe=True, broken=""):
        """Write the model, its data, and the native library's results.

        `methods` are called on the sample rows, one for each output (None skips
        one); `native` stands in for them. `wild` and `missing` add infinities
        and NaN, `unknown` a word that was not seen in training; `probe` says whether
        to add rows at the edges at all. `broken` tells what is wrong with the export,
        if nobody can run it as it was meant.
        """
        folder = self.folder / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(exported.SerializeToString(deterministic=True))
        test = table.test
        if native is not None:
            results = native(test)
        else:
            results = self.results(model, table, methods)
        if not probe:
            rows = test
        elif table.several:
            rows = pd.concat([test, tables.probes(table, wild, missing, unknown)])
            rows = rows.reset_index(drop=True)
        else:
            rows = np.concatenate([test, tables.probes(table, wild, missing),
                                   tables.threshold_rows(exported, table)])
        self.write_data(folder, rows, table, exported.graph.input[0].name)
        np.savez(folder / "native.npz", **{
            f"output_{i}": plain(result)
            for i, result in enumerate(results) if result is not None
        })
        about = {
            "file": "model.onnx", "rows": len(rows), "native_rows": len(test),
            "tolerance": tolerance, "reason": reason, "broken": broken,
        }
        (folder / "about.json").write_text(json.dumps(about, indent=1))
        self.made.append(name)

    def saved(self, name, file, save, results, table, wild=False, missing=False,
              tolerance=1e-5, reason="", **_):
        """Write the file that a library saves its model to, with the library's results.

        `save` takes the path; `results` takes rows and gives an array for each output.
        """
        if not self.wants(name):
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = np.concatenate([table.test, tables.probes(table, wild, missing)])
            try:
                arrays = results(rows)
            except Exception as error:  # of any of the libraries
                self.not_exported.append((name, repr(error)[:300]))
                return
        folder = self.folder / name
        folder.mkdir(parents=True)
        save(str(folder / file))
        self.write_data(folder, rows, table, "X")
        np.savez(folder / "native.npz", **{
            f"output_{i}": plain(array) for i, array in enumerate(arrays)})
        about = {"file": file, "rows": len(rows), "native_rows": len(rows),
                 "tolerance": tolerance, "reason": reason, "broken": ""}
        (folder / "about.json").write_text(json.dumps(about, indent=1))
        self.made.append(name)

    def results(self, model, table, methods):
        if methods is None:
            if hasattr(model, "predict_proba"):
                methods = ["predict", "predict_proba"]
            elif hasattr(model, "predict"):
                methods = ["predict"]
            else:
                methods = ["transform"]
        test = table.test
        if table.several and len(table.types) == 1:
            test = test.iloc[:, 0]
        found = [method and getattr(model, method)(test) for method in methods]
        return [f.toarray() if hasattr(f, "toarray") else f for f in found]

    def write_data(self, folder, rows, table, given):
        """Write what goes into the model, as arrays and as CSV that reads back exactly."""
        if table.several:
            inputs = {
                name: rows[name].to_numpy().astype(NUMPY[kind]).reshape(-1, 1)
                for name, kind in table.types.items()
            }
            header = list(inputs)
        else:
            inputs = {given: rows.astype(NUMPY[table.types])}
            header = [f"x{i}" for i in range(rows.shape[1])]
        np.savez(folder / "inputs.npz", **inputs)
        with open(folder / "data.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in zip(*(column for array in inputs.values() for column in array.T)):
                writer.writerow([cell(value) for value in row])


def cell(value):
    if isinstance(value, np.floating):
        return "" if np.isnan(value) else str(value)
    return str(value)


def plain(result):
    """An array without Python objects."""
    array = np.asarray(result)
    return array.astype(str) if array.dtype == object else array
