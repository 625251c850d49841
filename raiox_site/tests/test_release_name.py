from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from raiox_site.configuration import release
from raiox_site.environment import Environment


def test_the_code_names_the_release_that_it_lies_in(tmp_path: Path) -> None:
    (tmp_path / "RELEASE").write_text("20261122T1200-abc\n")

    assert release.version(Environment({}), "0.1.0", base=tmp_path) == "0.1.0+20261122T1200-abc"


def test_a_checkout_has_the_bare_number(tmp_path: Path) -> None:
    assert release.version(Environment({}), "0.1.0", base=tmp_path) == "0.1.0"


def test_a_name_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "RELEASE").mkdir()
    env = Environment({})
    release.version(env, "0.1.0", base=tmp_path)

    with pytest.raises(ImproperlyConfigured, match="RELEASE"):
        env.stop_on_problems("production")
