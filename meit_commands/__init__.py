"""One file for each command of `meit`: `add` describes its arguments, and what it sets as `run` calls the parts."""
