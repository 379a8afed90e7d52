"""Frame rates as people give them."""

from __future__ import annotations

import re
from fractions import Fraction

from ...errors import OptionError

__all__ = ["parse_rate"]

_RATE = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)(?:/(\d{1,7}))?")
_MOST = 1000


def parse_rate(text: str) -> Fraction:
    """Read a rate in frames a second.

    Args:
        text: "25", "24000/1001", or "23.976", which means the one before.

    Raises:
        OptionError: It is none, or none between 0 and 1000.

    >>> parse_rate("29.97")
    Fraction(30000, 1001)
    """
    found = _RATE.fullmatch(text.strip())
    rate = Fraction(0)
    if found and int(found[2] or 1):
        rate = Fraction(found[1]) / int(found[2] or 1)
    if not 0 < rate <= _MOST:
        raise OptionError(f"{text!r} is no rate; give frames a second, as 25, 23.976 or 24000/1001")
    television = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    is_rounded = rate.denominator > 1 and abs(rate - television) < Fraction(1, 1000)
    return television if is_rounded else rate
