"""Several systems on the same rows: paired tests, leaderboards, archives that are held apart."""
