"""What the confidence is worth: curves, reliability, and thresholds of abstention."""
