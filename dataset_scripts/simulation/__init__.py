"""The 12-lead simulator behind the synthetic source: findings -> beats -> heart vector -> leads -> report."""
