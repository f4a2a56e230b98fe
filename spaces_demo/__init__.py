"""The page that reads an ECG file: `meit demo` on one's own machine, and the same as a Space of the Hub."""
