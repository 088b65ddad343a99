"""Predict labels or masks of new images: python predict.py run=ID images=DIR out=DIR; evaluate: run=ID data=NAME"""

from dermoscopy.config.help import show_help

show_help(__name__, __file__)  # before the imports below, which take seconds

from pathlib import Path

import hydra
from omegaconf import DictConfig

from dermoscopy.config.command_line import as_typed, check_command, is_given, overrides
from dermoscopy.config.data import build_source
from dermoscopy.config.trained import build_network
from dermoscopy.config.trust import trusted
from dermoscopy.data.store.reader import open_store
        result = evaluate_store(
            networks, StoreOptions(open_store(cfg.data.store, size, fit), source, folder, **values)
        )
    else:
        values = {key: cfg[key] for key in FOLDER}
        result = predict_folder(networks, FolderOptions(Path(str(images)), Path(str(out)), **values))
    print(result, PURPOSE, sep="\n")


if __name__ == "__main__":
    with one_line_errors():
        check_command("predict.py")
        main()
