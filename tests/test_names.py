"""Names that no encoder takes."""

from hypothesis import given
from hypothesis import strategies as st

from latent_ofer.names import name_bytes, utf8_text, utf8_values

LETTERS = st.text(st.characters(exclude_categories=()))


@given(LETTERS)
def test_any_text_can_be_encoded_and_ordinary_text_is_left_alone(text: str) -> None:
    utf8_text(text).encode()
    try:
        content = text.encode()
    except UnicodeEncodeError:
        name_bytes(text)
    else:
        assert utf8_text(text) == text
        assert name_bytes(text) == content


def test_bytes_and_halves_of_letters_become_escapes_all_levels_deep() -> None:
    assert utf8_text("caf\udce9 \ud83d") == "caf\\xe9 \\ud83d"
    assert utf8_values({"\udcff": ["\udc80", 1, None, ("\udcff",)]}) == {
        "\\xff": ["\\x80", 1, None, ["\\xff"]]
    }
