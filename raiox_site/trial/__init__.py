"""The whole of Raiox against a Jotform that is edited, repeats itself, forgets and fails, while
its processes are killed: what `manage.py try_jotform` does."""
