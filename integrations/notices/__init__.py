"""How staff is told: the wording, and one module for each channel."""
