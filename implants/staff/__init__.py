"""The catalogue staff's desk, inside the admin."""
