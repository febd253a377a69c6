"""Windows and events kept as files, and datasets named by their content. No training."""
