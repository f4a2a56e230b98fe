"""Writes reports for many visitors at once: models the operator names, one worker, batches, text as it is written."""
