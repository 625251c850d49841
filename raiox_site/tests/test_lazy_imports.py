import subprocess
import sys

from django.conf import settings

PROGRAM = """
import sys, django
django.setup()
import raiox_site.urls, raiox_site.wsgi
import cases.tasks, matching.tasks, integrations.tasks
print(sorted({"torch", "open_clip", "torchvision", "timm"} & set(sys.modules)))
"""


def test_starting_the_web_process_imports_neither_torch_nor_open_clip() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert result.stdout.strip().splitlines()[-1] == "[]"
