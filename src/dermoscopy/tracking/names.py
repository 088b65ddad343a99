"""Names and texts as MLflow takes them; the names of labels come from folders and tables and may hold any character."""

import hashlib
import re
import unicodedata

# Limits of MLflow in characters, see mlflow.utils.validation: of names and run names, and of values.
LONGEST_NAME, LONGEST_PARAMETER, LONGEST_TAG = 250, 6000, 8000
LONGEST_DATASET = {"name": 500, "digest": 36}
REFUSED = re.compile(r"[^\w.\- :]")
MARK = 6  # hexadecimal digits that keep changed names apart
CUT = "…"


def tracked_name(name: str) -> str:
    """Return the name of a metric, parameter or tag in MLflow: itself unless MLflow would refuse it.

    In each part between slashes that it would refuse, the characters that it does not take become `_`, and digits of a
    hash keep the part apart from others: `val/f1/MEL+NV` is `val/f1/MEL_NV 3b1c5e`. A label is thus called the same in
    all metrics, and no two names become one.
    """
    whole = "/".join(map(_tracked_part, name.split("/")))
    return whole if len(whole) <= LONGEST_NAME else _marked(whole[: LONGEST_NAME - MARK - 1], name)


def _tracked_part(part: str) -> str:
    if part not in ("", ".", "..") and not REFUSED.search(part):
        return part
    readable = REFUSED.sub("_", unicodedata.normalize("NFC", part))
    return _marked("_" * len(part) if part in (".", "..") else readable, part)


def _marked(name: str, original: str) -> str:
    """Append digits of the original name's hash."""
    digits = hashlib.sha256(original.encode(errors="backslashreplace")).hexdigest()[:MARK]
    return f"{name} {digits}".strip()


def tracked_text(text: str, longest: int) -> str:
    """Return a value as MLflow and its databases take it: no longer than `longest`, and every character encodable.

    A file name that is not UTF-8 has characters that cannot be encoded, and PostgreSQL takes no zero character.
    """
    encodable = text.encode(errors="backslashreplace").decode().replace("\0", "\\0")
    return encodable if len(encodable) <= longest else encodable[: longest - len(CUT)] + CUT
