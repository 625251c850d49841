"""Every alert, provoked by a real fault of the real system, and the message that people get."""
