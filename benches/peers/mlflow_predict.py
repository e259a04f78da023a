"""Score CSV with an ONNX model, with `mlflow models predict`.

The model is packed as MLflow's folder beside the output on first use. All rows are in
memory at once; the output is JSON, with the model's outputs for each row. A classifier
must have its ZipMap: MLflow takes only one value for each row from an output.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("data", help="a CSV file with a header")
    parser.add_argument("output", help="a JSON file")
    args = parser.parse_args()

    packed = Path(args.output).with_name(f"{Path(args.model).stem}.mlflow")
    if not packed.exists():
        pack(args.model, packed)
    mlflow = Path(sys.executable).with_name("mlflow")
    command = ["mlflow", "models", "predict", "-m", str(packed), "-i", args.data]
    command += ["-o", args.output, "-t", "csv", "--env-manager", "local"]
    os.execv(mlflow, command)


def pack(model, folder):
    import mlflow.onnx
    import onnx

    # What is interrupted does not bear the folder's name.
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    # Or it would run the model to find out what packages it needs.
    mlflow.onnx.save_model(
        onnx.load(model), unfinished, pip_requirements=["onnxruntime"]
    )
    unfinished.rename(folder)


if __name__ == "__main__":
    main()
