"""What users may write shorter than Hydra has it."""

from collections.abc import Collection, Sequence


def spell_out_loss(arguments: Sequence[str], files: Collection[str]) -> list[str]:
    """Return the arguments of a command with each sum of losses, which is no file in conf/loss, as the text of one.

    `loss=bce+0.1*dice` becomes `loss=sum` and `loss.text='bce+0.1*dice'`; so do several, to be swept over.

    Raises:
        ValueError: files and sums in one sweep.
    """
    spelled: list[str] = []
    for argument in arguments:
        name, _, value = argument.partition("=")
        texts = ["".join(part.split()).strip("'\"") for part in value.split(",")]
        if name != "loss" or not value or set(texts) <= set(files):
            spelled.append(argument)
        elif set(texts) & set(files):
            mixed = ", ".join(sorted(set(texts) & set(files)))
            raise ValueError(f"{argument} mixes sums of terms with files of conf/loss ({mixed}): sweep over either")
        else:
            spelled += ["loss=sum", "loss.text=" + ",".join(f"'{text}'" for text in texts)]
    return spelled
