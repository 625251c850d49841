"""The versions of the texts that people consent to: `/termos` and `/privacidade`.

A version that was published stays as it is, since consents were given to it: a change of the
texts is a new version with templates of its own.
"""

from datetime import date

TERMS_VERSIONS = {
    "1": date(2026, 11, 21),
    "2": date(2026, 11, 22),
}
TERMS_VERSION = list(TERMS_VERSIONS)[-1]
