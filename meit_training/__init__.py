"""What the training scripts share: recipes, data preparation, augmentation, tokenizers and checkpoints."""
