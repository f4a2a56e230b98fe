"""What the user asks of a record."""
