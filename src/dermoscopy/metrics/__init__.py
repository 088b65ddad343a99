"""Metrics of labels and masks, their calibration and statistics. Undefined values are NaN and excluded from means."""
