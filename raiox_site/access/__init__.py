"""Who gets in, and as what: tokens, lockout, and the second step of a login."""
