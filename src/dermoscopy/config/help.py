"""Text of --help: commands and keys of a program on one screen, without slow imports."""

import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from dermoscopy.config.choices import groups
from dermoscopy.machine.messages import one_line_errors

WIDTH = 118
ENDS = (
    "Any key can be changed (optimizer.lr=1e-3), added (+key=value), or, with -m, swept over (seed=0,1,2).",
    "Print the whole configuration: --cfg job. More: README.md, docs/configuration.md.",
)
MEANINGS = {  # of every group, in the order of docs/configuration.md
    "experiment": "a study: a question with its arms and repeats",
    "protocol": "size of the studies: network, weights, epochs, repeats",
    "sweep": "repeats of any experiment",
    "debug": "ways to try a configuration",
    "data": "the images",
    "split": "which images are trained on, validated and tested",
    "model": "what is learned: labels, masks, or both",
    "network": "networks, for labels or for masks",
    "loss": "loss of labels (`labels`, `classes`) or masks (`sum`, or any sum of terms as text: `loss=bce+dice`)",
    "zeroing": "how training erases masks",
    "mask_views": "views of one image under several zeroings, for model=consistency",
    "consistency": "loss between those views",
    "augment": "random transforms of training images",
    "optimizer": "optimizers; `lr=` is short for `optimizer.lr=`",
    "scheduler": "learning-rate schedules",
    "trainer": "device",
    "callbacks": "what watches the training",
    "logger": "where metrics are logged",
    "tracking": "where MLflow keeps its records",
    "hydra/launcher": "where the jobs of a sweep run",
    "arm/aux_head": "arms of experiment=aux_head",
    "arm/cascade": "arms of experiment=cascade",
    "arm/mask_conditions": "arms of experiment=mask_conditions",
    "arm/pair": "arms of experiment=pair",
    "arm/probes": "arms of experiment=probes",
    "arm/ynet": "arms of experiment=ynet",
}
ADDED = ("experiment", "sweep", "debug")  # groups that a command adds to the defaults by a +
INTERNAL = ("model/base", "network/base", "report")  # parts of other files
BEGIN, END = "<!-- groups -->", "<!-- /groups -->"
REST = ("arm", "hydra", "model/", "protocol", "report", "tracking", "callbacks", "logger", "mask_views")


def show_help(name: str, script: str) -> None:
    """Print the help of a root script and exit if its command has --help or -h.

    Args:
        name: `__name__` of the script; nothing happens where it is imported.
        script: its `__file__`.

    Raises:
        ModuleNotFoundError: this Python lacks Hydra, which a script imports next.
    """
    if find_spec("hydra") is None:
        raise ModuleNotFoundError("No module named 'hydra'", name="hydra")
    if name == "__main__" and {"--help", "-h"} & set(sys.argv[1:]):
        conf = Path(script).resolve().parent / "conf"
        with one_line_errors():
            print(help_text(conf, Path(script).stem))
        sys.exit()


def help_text(conf: Path, program: str) -> str:
    """Return the help of a program: the first comment of its file, then its groups, or its keys with their comments."""
    file = conf / f"{program}.yaml"
    text = (file if file.is_file() else conf / program / file.name).read_text()
    head, _, body = text.partition("\ndefaults:\n")
    commands = [line.removeprefix("#").removeprefix(" ") for line in head.splitlines()]
    if "  - model: " in body:
        return "\n".join([*commands, "", "Groups, GROUP=CHOICE:", *_group_lines(conf), "", *ENDS])
    keys = re.split(r"\n(?=hydra:)", body)[0].partition("\n\n")[2].splitlines()
    return "\n".join([*commands, "", "Keys and their defaults:", *(f"  {line}" for line in keys if line.strip())])


def _group_lines(conf: Path) -> list[str]:
    """Return one entry per main group, groups of the defaults list first, with the default choice in front."""
    defaults, lines = _defaults(conf), []
    choices = {group: names for group, names in groups(conf).items() if not group.startswith(REST)}
    for group in sorted(choices, key=lambda group: (group not in defaults, group)):
        names = _default_first(choices[group], defaults.get(group))
        text = f"  {_typed(group, defaults):<14}{' '.join(names)}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent=" " * 16)
    return lines


def groups_table(conf: Path) -> str:
    """Return the table of all groups as Markdown: name, meaning, choices with the default in bold."""
    defaults = _defaults(conf) | {"hydra/launcher": "basic"}
    lines = ["| group | meaning | choices, the default in bold |", "|---|---|---|"]
    choices = {group: names for group, names in groups(conf).items() if group not in INTERNAL}
    for group in sorted(choices, key=list(MEANINGS).index):
        names = _default_first(choices[group], defaults.get(group))
        cells = [f"**`{name}`**" if name == defaults.get(group) else f"`{name}`" for name in names]
        lines.append(f"| `{_typed(group, defaults)}=` | {MEANINGS[group]} | {', '.join(cells)} |")
    return "\n".join(lines)


def _defaults(conf: Path) -> dict[str, str]:
    """Return the default choices of train.py by group."""
    return dict(re.findall(r"^  - ([\w/]+): (\w+)$", (conf / "train.yaml").read_text(), re.MULTILINE))


def _default_first(names: Sequence[str], default: str | None) -> list[str]:
    """Return the choices of a group with its default in front; it may be missing among them, as `basic`, of Hydra."""
    return [*([default] if default else []), *(name for name in names if name != default)]


def _typed(group: str, defaults: Mapping[str, str]) -> str:
    """Return a group as it is typed: with a + where no defaults list, of the program or of a choice, has it."""
    overridable = group in defaults or group.startswith("arm/") or group in ("consistency", "mask_views")
    return group if overridable else f"+{group}"


def with_table(page: str, conf: Path) -> str:
    """Return a page with the current table of groups between its two markers."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{groups_table(conf)}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    root = Path(__file__).parents[3]
    document = root / "docs" / "configuration.md"
    document.write_text(with_table(document.read_text(), root / "conf"))
