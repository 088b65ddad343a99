"""Server that starts train.py repeatedly without its slow imports: python tests/fork_server.py

Reads one JSON line per program from its input (arguments, folder, rename at which it is killed), forks, and prints the
process id of the child, and after its end its exit status. So a test can kill real processes at any moment.
"""

import importlib
import json
import os
import runpy
import signal
import sys
import warnings

from builders import ROOT, ignore_known_warnings

MODULES = (
    "torch",
    "pytorch_lightning",
    "timm",
    "mlflow",
    "torchmetrics",
    "matplotlib.pyplot",
    "dermoscopy.training.stages",
)
MODULES += ("dermoscopy.data.batches.datamodule", "dermoscopy.tasks.classification", "dermoscopy.networks.classifier")
MODULES += ("mlflow.store.tracking.sqlalchemy_store", "dermoscopy.tracking.journal")


def main() -> None:
    """Serve until the input ends."""
    for module in MODULES:
        importlib.import_module(module)
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            run(order)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def run(order: dict) -> None:
    """Run train.py in this process."""
    os.chdir(order["folder"])
    log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order["dies_at"] is not None:
        die_at(order["dies_at"])
    sys.argv = [str(ROOT / "train.py"), *order["arguments"]]
    warnings.simplefilter("error")  # as in all tests
    ignore_known_warnings()
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as exit:
        code = int(exit.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def die_at(number: int) -> None:
    """Kill this process at a rename of a file: 1 before the first, 2 after it, 3 before the second, and so on."""
    rename, calls = os.replace, 0

    def replace(source, target):
        nonlocal calls
        calls += 1
        if calls == (number + 1) // 2 and number % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target)
        if calls == (number + 1) // 2:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = replace


if __name__ == "__main__":
    main()
