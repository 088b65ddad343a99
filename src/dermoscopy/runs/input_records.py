"""Parts of the record of a job: the predicted masks and the initial weights that it began with."""

from typing import NotRequired, TypedDict


class PredictedMasksRecord(TypedDict):
    """What is known of the predicted masks of a job.

    Attributes:
        file: of the masks.
        training: whether the network was trained with them, rather than only validated or tested.
        unseen: whether each was predicted by a network that had not seen the image; None is unknown.
        test_images_seen: number of test images of the job that the networks behind the masks of its training images
            had seen, with their masks: 0 if the folds are nested; None is unknown.
    """

    file: str
    training: bool
    unseen: bool | None
    test_images_seen: int | None


class InitialWeightsRecord(TypedDict):
    """Where a network, or a part of one, got the weights that its training began with.

    Attributes:
        part: its key in the configuration.
        origin: published, file, run, scratch, or unknown for a network of the user's.
        name: of the architecture with published weights, the file, or experiment/key of the run's stage.
        file: with the published weights, where they were not downloaded.
        sha256: of the content of that file.
        test_images_seen: number of test images of the job that this run had trained or validated on; None is unknown.
    """

    part: str
    origin: str
    name: NotRequired[str]
    file: NotRequired[str]
    sha256: NotRequired[str]
    test_images_seen: NotRequired[int | None]
