"""Simulated power cuts during training."""

from pytorch_lightning import Callback


class Cut(Callback):
    """Aborts a training at a step, as in a power cut."""

    def __init__(self, epoch, step):
        self.at = epoch, step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if (trainer.current_epoch, batch_idx) == self.at:
            raise PowerCut


class PowerCut(Exception):
    pass
