"""Loss written as a sum of weighted terms: bce + 0.1*dice."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor, nn

from dermoscopy.contracts.networks import LearnsMaskWeights
from dermoscopy.losses.mask_terms import MaskTerm
from dermoscopy.losses.weights import Weights, weights_by_name
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
        masks: names of the K masks.
        mask_weights: weight of each mask in the mean over masks of every term: None for none, or a list or a mapping by
            name (masks not named keep 1); that of the background of exclusive masks is 1.

    Raises:
        ValueError: the text cannot be parsed, or has an unknown term; a weight is not positive or of an unknown mask,
            their number is wrong, or a term is no `MaskTerm`.
    """

    def __init__(
        self,
        text: str,
        terms: Mapping[str, nn.Module | Callable[[], nn.Module]],
        masks: Sequence[str],
        mask_weights: Weights,
    ) -> None:
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
        if mask_weights is not None:
            weights = weights_by_name("mask_weights", mask_weights, masks, ())
            for name, term in self.terms.items():
                if not isinstance(term, MaskTerm):
                    raise ValueError(
                        f"mask_weights has no effect on the term {name}, whose class {type(term).__name__} is no "
                        f"MaskTerm ({MaskTerm.__module__}): derive it from that, or set mask_weights=null"
                    )
                term.weigh(weights)

    def fit_mask_weights(self, pixels: Callable[[], tuple[Tensor, Tensor]]) -> list[str]:
        """Set the weights of all terms that depend on the training masks, see `LearnsMaskWeights`."""
        fitted = {name: term.fit_mask_weights(pixels) for name, term in _learning(self.terms)}
        return [f"terms.{name}.{line}" for name, lines in fitted.items() for line in lines]

    def forward(self, logits: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {name: self.weights[name] * term(logits, target) for name, term in self.terms.items()}

    def extra_repr(self) -> str:
        return " ".join(f"{weight:+g}*{name}" for name, weight in self.weights.items())


def _learning(terms: nn.ModuleDict) -> Iterator[tuple[str, LearnsMaskWeights]]:
    return ((name, term) for name, term in terms.items() if isinstance(term, LearnsMaskWeights))


def _built(name: str, term: nn.Module | Callable[[], nn.Module]) -> nn.Module:
    """Return a term, built if necessary; its errors name the term."""
    if isinstance(term, nn.Module):
        return term
    try:
        return term()
    except ValueError as error:
        raise ValueError(f"terms.{name}: {error}") from error
