"""A decoder that a file has taken over: it answers every film with one of 16 exabytes."""

import os

from matching.decoding.answers import ANSWER, REQUEST, Outcome

if __name__ == "__main__":
    while os.read(0, REQUEST.size):
        os.write(1, ANSWER.pack(Outcome.FILM, 0xFFFFFFFF, 0xFFFFFFFF))
