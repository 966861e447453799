"""Statistics on arrays: predictions, metrics with intervals, calibration, prediction sets, OOD scores."""
