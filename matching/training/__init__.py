"""Training of the bundled encoder on made-up radiographs.

Nothing here runs in production. What is trained sees pictures of `matching.normalisation`,
as every reference and every query does.
"""
