"""Names of the files that sweeps, jobs and stages leave in their folders; each name stands here alone.

`masks.h5` is a format of its own, see `dermoscopy.masks.predicted`, and `tracking.jsonl` one of `dermoscopy.tracking`.
"""

# A sweep: runs/<experiment>/sweeps/<time>/
SWEEP = "sweep.json"  # identity, plan, status
STOP = "stop"  # no further job begins
RESULTS = "results.csv"  # one row per job, stage, epoch and mode
ARMS = "table.csv"  # one row per arm

# A job: a numbered folder in that of its sweep
JOB = "job.json"  # arm, seed, stages, status, metrics
ERROR = "error.txt"  # traceback of a job that failed
LOG = "log.txt"  # what a job of another process prints

# A stage: runs/<experiment>/<key>/
CONFIG = "config.yaml"  # its configuration, resolved
BEST = "best.ckpt"  # weights of the best epoch
LAST = "last.ckpt"  # what an interrupted training goes on from; in the end the last weights
HISTORY = "history.csv"  # one row per epoch and mode
SPLIT = "split.csv"  # id, group and subset of each image
RESULT = "result.json"  # written when the stage is finished
PREDICTIONS = "predictions.csv"  # one row per test image and label, or mask
SCORES = "scores.csv"  # metrics of predicted masks, with intervals
CURVES = "curves.png"
RERUN = "rerun.txt"  # name of the rerun that trained it
REPLACED = "replaced"  # folder beside the stages: those that a rerun replaced
EVALUATIONS = "evaluations"  # folder in that of the stage: what it predicted in other stores

# An evaluation on a store, and a reproduction
EVALUATION = "evaluation.json"  # which weights were evaluated on which data
REPRODUCED = "reproduced"  # folder beside the stages
REPRODUCTION = "reproduction.json"  # which run is trained again, and the verdict
COMPARISON = "comparison.csv"  # every number of both trainings
