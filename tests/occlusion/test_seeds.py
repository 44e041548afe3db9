"""One generator per image."""

from hashlib import sha256

import numpy as np

from latent_ofer.occlusion.seeds import image_rng


def test_the_generator_is_the_one_that_the_protocol_states():
    digest = sha256(b"7:objects:ferplus:fer0028638.png").digest()
    expected = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))
    drawn = image_rng(7, "objects", "ferplus", "fer0028638.png").random(5)
    np.testing.assert_array_equal(drawn, expected.random(5))


def test_every_part_of_the_key_changes_the_draw():
    keys = [(7, "a", "b", "c"), (8, "a", "b", "c"), (7, "x", "b", "c"), (7, "a", "x", "c")]
    keys.append((7, "a", "b", "x"))
    assert len({image_rng(*key).random() for key in keys}) == len(keys)
