"""Train a finished run again and compare every number: python reproduce.py run=ID

The configuration, the seed and the number of threads come from the record of the run, which stays unchanged.
Exit code 0: all values agree to the last digit; 1: some differ, or the run could not be reproduced. If killed, the same
command resumes.
"""

from dermoscopy.config.help import show_help

show_help(__name__, __file__)  # before the imports below, which take seconds

import sys
from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import as_typed, check_command
from dermoscopy.config.reproduction import plan_reproduction
from dermoscopy.config.trust import trusted
from dermoscopy.machine.messages import one_line_errors
from dermoscopy.runs.find import find_checkpoint
from dermoscopy.runs.recorded import read_run
from dermoscopy.sweep.reproduce import check_store, choose_folder, facts_of, reproduce, reproductions_of, threads_of


@hydra.main(version_base="1.3", config_path="conf", config_name="reproduce")
@one_line_errors()  # also inside: Hydra would add a line to an error that leaves main
def main(cfg: DictConfig) -> None:
    """Read the record of the run, train again and compare."""
    name = as_typed(cfg, "run")
    if not name:
        raise ValueError("run is missing: python reproduce.py run=ID")
    run = read_run(find_checkpoint(name, Path(cfg.runs), cfg.tracking.uri))
    last = run[-1]
    store = Path(str(cfg.store or last.recorded.data.store))
    check_store(last, store)
    threads = threads_of(run, cfg.threads)
    out = choose_folder(reproductions_of(last), facts_of(run, threads), Path(str(cfg.out)) if cfg.out else None)
    if not reproduce(run, plan_reproduction(run, out, store, threads, trusted(cfg)), threads, out):
        sys.exit(1)


if __name__ == "__main__":
    with one_line_errors():
        check_command("reproduce.py")
        main()
