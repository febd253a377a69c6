"""The stages of the pipeline: messages of one partition in, messages out. No client of a broker."""
