"""Evaluations that compose predictions, metrics and statistics; one module a task."""
