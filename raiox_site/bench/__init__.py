"""How fast the panel is, on the machine that asks: what `manage.py bench` does."""
