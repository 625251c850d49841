"""Files of strangers to greyscale pixels, in a process of their own. No Django in here."""
