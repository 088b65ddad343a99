"""From what runs left on disk to tables, intervals, figures and the page of an experiment, without torch."""
