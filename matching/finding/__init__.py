"""The fixture finder's parts: its network, the film it sees, and boxes from its answer."""
