"""What recordings suffer, put on clean ones at a chosen strength and seeded by record, for the robustness task."""
