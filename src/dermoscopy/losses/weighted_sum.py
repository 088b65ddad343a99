"""Loss written as a sum of weighted terms: bce + 0.1*dice."""

import math
import re
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from dermoscopy.machine.messages import nearest

FACTOR = r"\s*(?:[\d.][\d._]*(?:e[+-]?[\d_]+)?|[^\W\d]\w*)\s*"  # a name, or text that begins like a number
TERM = re.compile(rf"\s*(?P<sign>[+-]?)(?P<product>{FACTOR}(?:\*{FACTOR})*)", re.IGNORECASE)


def parse(text: str) -> dict[str, float]:
    """Parse a sum of products, each of exactly one name and any numbers; return the weight of each named term.

    Raises:
        ValueError: the text is no such sum, or has a term twice.
    """
    weights: dict[str, float] = {}
    end = 0
    while end < len(text) or not weights:
        term = TERM.match(text, end)
        if term is None:
            raise _unreadable(text, text[end:], "expected a term")
        end = term.end()
        if text[end : end + 1] not in ("", "+", "-"):
            raise _unreadable(text, text[end:], "expected + or - and a term, or * and a factor")
        name, weight = _product(text, term["product"].strip())
        if name in weights:
            raise _unreadable(text, name, "the name appears twice")
        weights[name] = -weight if term["sign"] == "-" else weight
    return weights


def _product(text: str, product: str) -> tuple[str, float]:
    factors = [factor.strip() for factor in product.split("*")]
    names = [factor for factor in factors if factor.isidentifier()]
    if len(names) != 1:
        raise _unreadable(text, product, f"a term has exactly one name, not {len(names)}")
    try:
        weight = math.prod((float(factor) for factor in factors if factor not in names), start=1.0)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise _unreadable(text, product, "its weight is not a finite number")
    return names[0], weight


def _unreadable(text: str, piece: str, reason: str) -> ValueError:
    return ValueError(f"text {text!r} cannot be read at {piece!r}: {reason}; write for example 'bce + 0.1*dice'")


class LossSum(nn.Module):
    """Weighted sum of the terms in a text; other terms are not built.

    Args:
        text: a sum such as bce+dice or bce - 0.1 * lovasz.
        terms: by name, a module from logits and signed masks to a scalar, or a factory of one without arguments.

    Raises:
        ValueError: the text cannot be parsed, or has an unknown term.
    """

    def __init__(self, text: str, terms: Mapping[str, nn.Module | Callable[[], nn.Module]]) -> None:
        super().__init__()
        self.weights = parse(str(text))  # YAML reads 1 as a number
        for name in self.weights:
            if name not in terms:
                raise ValueError(
                    f"text {text!r} names {name!r}, the terms are {', '.join(terms)}{nearest(name, terms)}"
                )
        self.terms = nn.ModuleDict()
        for name in self.weights:
            self.terms[name] = _built(name, terms[name])

    def forward(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {name: self.weights[name] * term(logits, target) for name, term in self.terms.items()}

    def extra_repr(self) -> str:
        return " ".join(f"{weight:+g}*{name}" for name, weight in self.weights.items())


def _built(name: str, term: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """Return a term, built if necessary; its errors name the term."""
    if isinstance(term, nn.Module):
        return term
    try:
        return term()
    except ValueError as error:
        raise ValueError(f"terms.{name}: {error}") from error
