"""Part I: the language model."""
