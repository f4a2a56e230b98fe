"""A 12-lead ECG drawn on paper: pages in millimetres, ruled paper, ink; as PNG, SVG or PDF."""
