"""Made-up periapical radiographs of threaded fixtures, computed from catalogue facts.

They stand in for reference films until real, lawful ones exist: an honest projection of a
plausible solid, good enough to exercise the whole pipeline and to tell families apart, and
no evidence of how well real films are identified.
"""

from matching.phantoms.facts import FixtureFacts
from matching.phantoms.render import DIFFICULTIES, Difficulty, phantom_jpeg, render_phantom

__all__ = ["DIFFICULTIES", "Difficulty", "FixtureFacts", "phantom_jpeg", "render_phantom"]
