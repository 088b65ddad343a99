"""Types that the subpackages exchange, and the vocabulary that all of them share.

This module has data, evaluation and loggers; `networks` has networks and losses.

Glossary, one word per concept:
    image           RGB photograph of a lesion through a dermatoscope
    mask            per-pixel annotation of one structure: the lesion, or one of its attributes
    attribute       a dermoscopic structure: globules, milia-like cysts, negative network, pigment network, streaks
    label           a yes-or-no property of an image: attribute present, melanoma, ...
    group           images that must stay in one subset of a split: the same lesion or patient
    subset          train, val, test or holdout of a split
    store           all images, masks and labels of a data set at one size, in one HDF5 file
    frame           the box of the original image that a stored image covers; outside the original it is padding
    zeroing         replacing the masks a network reads by "unknown"
    mask condition  the masks that a network receives at evaluation: none, predicted, given, shuffled, revealed_10, ...
    mask views      one image under several zeroings of its masks, for losses that compare them
    tta             test-time augmentation: the mean prediction over mirror images and turns
    joint           trained on labels and masks in one network
    auxiliary head  features of a network that a loss compares between mask views
    stage           one training with one configuration; a run is a sequence of stages
    arm             one configuration, without seed and fold
    key             hash of everything that can change the result of a stage

Shape letters: B batch, C channels, K masks, L labels, H height, W width, N images of a store, V views.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:  # code that runs without torch imports this module as well
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

NOT_ANNOTATED = 255  # the store's code for an unannotated pixel, or one outside the image


class Batch(TypedDict):
    """One batch, as tasks receive it.

    Attributes:
        image: (B, 3, H, W) float, normalised.
        mask: (B, K, H, W) in -1 absent, 0 unknown, +1 present.
        label: (B, L) float, NaN unknown.
        index: (B,) rows of the store.
        predicted: (B, K, H, W) in -1, +1, 0 outside the image: the same masks predicted by our own segmenters, if any.
        draw: seed of the augmentation of a training batch, removed when the batch is completed.
    """

    image: Tensor
    mask: Tensor
    label: Tensor
    index: Tensor
    predicted: NotRequired[Tensor]
    draw: NotRequired[int]


class Store(Protocol):
    """An open store of images: tables in memory, pixels on request.

    Attributes:
        path: the HDF5 file; `fingerprint` is the sha256 of its content.
        ids, groups: (N,) the images and their groups.
        frame: int32 (N, 6), the position of each image in its original.
        mask_names: all masks of the store.
        size: height and width, pixels.
    """

    @property
    def path(self) -> Path: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def ids(self) -> NDArray[np.str_]: ...

    @property
    def groups(self) -> NDArray[np.str_]: ...

    @property
    def frame(self) -> NDArray[np.int32]: ...

    @property
    def mask_names(self) -> tuple[str, ...]: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def image(self, mapped: bool = False) -> NDArray[np.uint8]: ...  # RGB (N, H, W, 3)

    def mask(self, mapped: bool = False) -> NDArray[np.uint8]: ...  # 0, 1, 255 not annotated (N, H, W, K)


@runtime_checkable
class TrainingLoader(Protocol):
    """Batches of training images.

    Attributes:
        images: number of images in an epoch.
        batch_size: number of images in a batch; the last one may have more or fewer, but a single one only if it or
            `images` is 1.
    """

    images: int
    batch_size: int


class DataModule(Protocol):
    """Interface of data modules for tasks, stages, callbacks and evaluation; subsets are train, val, test and holdout.

    Attributes:
        store: the images.
        label_names, mask_names: the L labels and K masks of a batch.
        size: height and width of the images of a batch.
        eval_batch_size: images per validation or test batch.
        predicted: the predicted masks that batches also have; None: no predicted masks.
        balance: power by which training images of rare classes come more often; 0: each image once an epoch.
    """

    balance: float

    @property
    def store(self) -> Store: ...

    @property
    def label_names(self) -> tuple[str, ...]: ...

    @property
    def mask_names(self) -> tuple[str, ...]: ...

    @property
    def eval_batch_size(self) -> int: ...

    @property
    def predicted(self) -> object | None: ...

    @property
    def size(self) -> tuple[int, int]: ...

    def rows(self, subset: str) -> Tensor: ...  # of the store, in a subset

    def labels_of(self, subset: str) -> Tensor: ...  # (n, L) of a subset, NaN unknown; in training of the images used

    def masks_of(self, rows: Tensor) -> Tensor: ...  # (n, K, H, W) of store rows, as a test batch has them

    def gather(self, rows: Tensor, training: bool = False) -> Batch: ...  # completed by the transfer to the device

    def counts(self) -> dict[str, int]: ...  # images per subset

    def absent_masks(self) -> dict[str, bool]: ...  # masks in no training image, and whether annotated in any

    def prefers(self) -> bool: ...  # whether balance lets some training images come more often than others

    def mask_pixels(self) -> tuple[Tensor, Tensor]: ...  # training pixels with each mask, and without it, (K,) each

    def label_leakage(self) -> dict[str, str]: ...  # label and the mask that reveals it in the training images

    def write_split(self, path: str | Path) -> Path: ...


class MaskEvaluation(Protocol):
    """Scores of predicted masks.

    Attributes:
        note: one line on what could not be scored; empty if everything was.
    """

    @property
    def note(self) -> str: ...

    def metrics(self, tta: str) -> dict[str, float]: ...  # means by metric name in a run, for this augmentation


class MaskEvaluator(Protocol):
    """A function that scores the masks predicted for test images.

    It is called with 255 times their probability (n, H, W, K), the images' rows of the store (n,), the store, the names
    of the K masks, and whether a pixel has at most one of them.
    """

    def __call__(
        self,
        probability: NDArray[np.uint8],
        index: NDArray[np.int64],
        store: Store,
        masks: Sequence[str],
        exclusive: bool,
    ) -> MaskEvaluation: ...


class Logger(Protocol):
    """A receiver of the parameters and metrics of a run: one of Lightning's loggers, or a run tracker."""

    def log_hyperparams(self, params: dict[str, object]) -> None: ...

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None: ...

    def finalize(self, status: str) -> None: ...  # success, failed or aborted


@runtime_checkable
class RunTracker(Logger, Protocol):
    """A logger that also records a run's identity, tags, data and small files; `begin` continues that of an identity.

    Attributes:
        sends: whether this process sends what is recorded; otherwise that of the command does.
    """

    sends: bool

    def begin(self, name: str, tags: Mapping[str, object], identity: Mapping[str, object]) -> None: ...

    def set_tags(self, tags: Mapping[str, object]) -> None: ...

    def log_artifact(self, path: str | Path) -> None: ...

    def log_dataset(self, name: str, digest: str, source: str, profile: Mapping[str, object]) -> None: ...
