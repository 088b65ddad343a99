"""The small files from which a page can be made again where the runs are not."""
