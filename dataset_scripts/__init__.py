"""Raw archives become instruction sets."""
