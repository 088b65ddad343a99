"""What `make bench` measures: prepare, input pipeline, training step and job, each against a plain version."""
