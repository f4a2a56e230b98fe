"""Publishing on the Hugging Face Hub: what of a folder is published, its card, and an upload that is checked."""
