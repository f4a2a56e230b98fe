"""One 12-lead ECG from a file of any kind that hospitals and archives hand out."""
