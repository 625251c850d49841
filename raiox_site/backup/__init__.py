"""Backups of the database and the stored films: made, read back, restored, and tried out."""
