"""What stands beside a model: other ECGs, and reports that need no model."""
