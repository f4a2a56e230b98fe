"""A language model as judge of reports: the rubric of the paper's Table 6, and how far its answers can be trusted."""
