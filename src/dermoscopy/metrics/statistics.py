"""What statistics over test images work with: tested predictors, groups of images, and means of defined values."""

from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = float | Floats  # one number, or one per comparison


class Tested(Protocol):
    """Results of a job on its test images, in a form whose images can be weighted.

    Attributes:
        id, group: (N,) ids of the images, and the groups that are left out as a whole.
    """

    @property
    def id(self) -> NDArray[np.object_]: ...

    @property
    def group(self) -> NDArray[np.object_]: ...

    def score(self, name: str, weight: Floats) -> Floats:
        """Return a score under R weightings of the images: (R, N) -> (R,)."""
        ...


def mean_defined(values: Floats, axis: int = -1) -> Floats:
    """Return the mean over the defined values; NaN where none is."""
    defined = np.isfinite(values)
    total, count = np.where(defined, values, 0).sum(axis), defined.sum(axis)
    return ratio(total, count)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return the quotient in the precision of its arguments, NaN where the denominator is zero."""
    out = np.full(np.broadcast(above, below).shape, np.nan, np.result_type(above, below, np.float32))
    np.divide(above, below, out=out, where=np.asarray(below) != 0)
    return out


def image_groups(rows: pd.DataFrame, ids: pd.Index) -> NDArray[np.object_]:
    """Return the group of each image, (N,); an image without a known group is a group by itself.

    Args:
        rows: rows of a predictions.csv with the columns id and group, several per image.
        ids: ids of the N images.
    """
    groups = rows.drop_duplicates("id").set_index("id")["group"].reindex(ids)
    return groups.fillna(ids.to_series()).to_numpy(object)


def same_images(first: Tested, second: Tested) -> bool:
    """Return whether two jobs were tested on the same images."""
    return np.array_equal(first.id, second.id)
