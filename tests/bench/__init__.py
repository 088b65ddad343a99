"""What `make bench` measures: prepare, input pipeline, training steps, scores, jobs, sweeps, against plain versions."""
