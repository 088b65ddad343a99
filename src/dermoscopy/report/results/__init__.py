"""The numbers of a report: arms, differences, intervals, tables."""
