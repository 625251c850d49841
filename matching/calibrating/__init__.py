"""Measuring where an implant counts as unknown, and how much a lead says."""
