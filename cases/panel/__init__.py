"""The reviewers' panel: the queue, the case page and what is done on them."""
