"""File names that are no UTF-8: what Python makes of them can be opened, but not written down.

Systems allow nearly any bytes in a name, and Windows halves of letters. Python keeps these as
lone surrogates, which no encoder takes.
"""

import re
from typing import Any, Final

_LONE: Final = re.compile("[\ud800-\udfff]")


def utf8_text(text: str) -> str:
    r"""The text, with ``\xe9`` in the place of a byte that is no UTF-8.

    Half a letter becomes such as ``\ud83d``. Any other text comes back as it is.
    """
    return _LONE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def utf8_values(value: Any) -> Any:
    """Lists and dicts, all levels deep, with `utf8_text` of every string."""
    if isinstance(value, str):
        return utf8_text(value)
    if isinstance(value, dict):
        return {utf8_values(key): utf8_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [utf8_values(item) for item in value]
    return value


def name_bytes(text: str) -> bytes:
    """Bytes of any name, to be hashed: those of UTF-8 where it is UTF-8, never an error."""
    return text.encode("utf-8", "surrogatepass")
