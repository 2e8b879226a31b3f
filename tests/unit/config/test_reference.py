"""The reference names every variable, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from pyspan.config.variables import READ
from pyspan.config.vendors import WITHOUT_EFFECT

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"
NAME = re.compile(r"`((?:OTEL|PYSPAN|DD|DATADOG|SENTRY|TRACE|SERVICE|APP)_[A-Z0-9_]*[A-Z0-9])[`=]")
OF_OTHERS = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"}


def test_the_reference_names_every_variable_and_no_other() -> None:
    named = set(NAME.findall(PAGE.read_text(encoding="utf-8")))
    assert named - OF_OTHERS == READ | set(WITHOUT_EFFECT)
