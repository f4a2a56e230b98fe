"""A model folder and a data set -> scores with intervals, beside controls."""
