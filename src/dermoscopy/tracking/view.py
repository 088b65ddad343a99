"""The view of a sweep in MLflow's user interface: its table of runs, as a tag of the experiment, and the link to it."""

import json
from collections.abc import Sequence
from urllib.parse import quote

from dermoscopy.tracking.names import tracked_name

# MLflow's interface reads a saved view from this tag where a link names its key, and opens experiments as those of
# generative AI unless a link says otherwise. Versions without that switch look at the tag of the kind.
VIEW_TAG = "mlflow.sharedViewState."
KIND = {"mlflow.experimentKind": "custom_model_development"}
WORKFLOW = "workflowType=machine_learning"
LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` serves, unless another program does
UNFOLDED = 30  # jobs; in a larger sweep only the means of the arms are shown at first
LETTER, LEAST_WIDTH = 7, 80  # pixels


def sweep_view(
    sweep: str, arms: Sequence[str], jobs: int, metrics: Sequence[str], order: tuple[str, bool]
) -> dict[str, str]:
    """Return the tags of an experiment that hold the view of a sweep: its jobs, grouped by arm and sorted.

    Args:
        sweep: name of its folder, which is the key of the view.
        arms: display names, as in the tag `arm` of the jobs.
        jobs: number of jobs.
        metrics: columns beside arm and seed.
        order: the metric by which they are sorted, "" for none, and whether its smallest value comes first.
    """
    tags = {_column("tags", "arm"): 170, _column("tags", "seed"): LEAST_WIDTH}
    names = map(tracked_name, metrics)
    columns = tags | {_column("metrics", name): max(LEAST_WIDTH, LETTER * len(name)) for name in names}
    state: dict[str, object] = {
        "searchFilter": f"tags.sweep = '{sweep}' and tags.kind = 'job'",
        "startTime": "ALL",
        "selectedColumns": list(columns),
        "columnOrder": list(columns),
        "columnWidths": columns,
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "arm"}]},
        "groupsExpanded": {f"tag.arm.{arm}": False for arm in arms} if jobs > UNFOLDED else {},
        "runsHiddenMode": "SHOW_ALL",
    }
    if order[0]:
        state |= {"orderByKey": _column("metrics", tracked_name(order[0])), "orderByAsc": order[1]}
    return {f"{VIEW_TAG}{sweep}": json.dumps(state), **KIND}


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def view_link(address: str, experiment: str, sweep: str) -> str:
    """Return the link to the view of a sweep.

    Args:
        address: of the server, such as http://127.0.0.1:5000.
        experiment: MLflow id of its experiment.
        sweep: name of the folder of the sweep.
    """
    return f"{address.rstrip('/')}/#/experiments/{experiment}/runs?{WORKFLOW}&viewStateShareKey={quote(sweep)}"


def run_link(address: str, experiment: str, run: str) -> str:
    """Return the link to the page of a run, see `view_link`."""
    return f"{address.rstrip('/')}/#/experiments/{experiment}/runs/{run}?{WORKFLOW}"
