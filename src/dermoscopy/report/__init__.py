"""Reports from the files of runs: tables, intervals, figures and the page of an experiment, without torch."""
