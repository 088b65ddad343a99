"""Lightning callbacks that write the files of a stage other than its weights."""
