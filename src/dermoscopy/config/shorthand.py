"""Abbreviations on the command line that Hydra does not have."""

from argparse import ArgumentParser
from collections.abc import Collection, Sequence
from pathlib import Path


def spell_out(arguments: Sequence[str], files: Collection[str]) -> list[str]:
    """Return the arguments of a command in the form of Hydra.

    `loss=bce+0.1*dice` becomes `loss=sum` and `loss.text='bce+0.1*dice'`, also for several sums to sweep over. `lr=` is
    short for `optimizer.lr=`.

    Args:
        arguments: of the command.
        files: names of the choices of the group loss, to which those in the folder of --config-dir are added.

    Raises:
        ValueError: one sweep mixes files and sums.
    """
    files = {*files, *_own_files(arguments)}
    spelled: list[str] = []
    for argument in arguments:
        name, _, value = argument.partition("=")
        texts = ["".join(part.split()).strip("'\"") for part in value.split(",")]
        if name == "lr":
            spelled.append(f"optimizer.lr={value}")
        elif name != "loss" or not value or set(texts) <= set(files):
            spelled.append(argument)
        elif set(texts) & set(files):
            mixed = ", ".join(sorted(set(texts) & set(files)))
            raise ValueError(f"{argument} mixes sums of terms with files of losses ({mixed}): sweep over one kind")
        else:
            spelled += ["loss=sum", "loss.text=" + ",".join(f"'{text}'" for text in texts)]
    return spelled


def _own_files(arguments: Sequence[str]) -> set[str]:
    """Return the names of the losses in the folder of --config-dir."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")  # the option of Hydra
    folder = parser.parse_known_args(arguments)[0].config_dir
    return {path.stem for path in Path(folder, "loss").glob("*.yaml")} if folder else set()
