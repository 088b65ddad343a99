"""Names of the files that sweeps, jobs and stages write to their folders.

The formats `masks.h5` and `tracking.jsonl` belong to `dermoscopy.masks.predicted` and `dermoscopy.tracking`.
"""

# A sweep: runs/<experiment>/sweeps/<time>/
SWEEP = "sweep.json"  # identity, plan, status
STOP = "stop"  # if it exists, no further job begins
PRECISION = "precision.json"  # what trainer.precision=auto means; also in runs/, of this machine
RESULTS = "results.csv"  # one row per job, stage, epoch and mode
ARMS = "table.csv"  # one row per arm

# A job: a numbered folder in the folder of its sweep
JOB = "job.json"  # arm, seed, stages, status, metrics
ERROR = "error.txt"  # traceback of a job that failed
LOG = "log.txt"  # console of a job

# A stage: runs/<experiment>/<key>/
CONFIG = "config.yaml"  # resolved configuration
BEST = "best.ckpt"  # weights of the best epoch
LAST = "last.ckpt"  # state from which an interrupted training is resumed; in the end the last weights
HISTORY = "history.csv"  # one row per epoch and mode
PACE = "pace.json"  # seconds of an epoch, estimated from the first batches of an unfinished training
SPLIT = "split.csv"  # id, group and subset of each image
RESULT = "result.json"  # written when the stage is finished
PREDICTIONS = "predictions.csv"  # one row per test image and label, or mask
SCORES = "scores.csv"  # metrics of predicted masks, with intervals
CURVES = "curves.png"
RERUN = "rerun.txt"  # name of the rerun that trained it
REPLACED = "replaced"  # folder beside the stages, for stages that a rerun replaced
EVALUATIONS = "evaluations"  # folder in the stage's folder, for its predictions on other stores

# An evaluation on a store, and a reproduction
EVALUATION = "evaluation.json"  # which weights were evaluated on which data
REPRODUCED = "reproduced"  # folder beside the stages
REPRODUCTION = "reproduction.json"  # which run is reproduced, and the verdict
COMPARISON = "comparison.csv"  # every number of both trainings
