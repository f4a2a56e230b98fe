"""What is done to a recording's samples on their way into a data set: length, lead check, quality, optional filters."""
