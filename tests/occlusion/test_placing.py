"""Where a layer lands, and at which scale."""

import numpy as np
import pytest
from PIL import Image

from latent_ofer.occlusion.placing import placed, scale_for


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
@pytest.mark.parametrize("scale", [0.25, 1.0, 1.7])
def test_a_point_of_the_layer_lands_where_rotation_and_scale_put_it(angle, scale):
    layer = np.zeros((80, 100), np.uint8)
    layer[10:18, 70:78] = 255  # its middle is (74, 14) from the corner, (24, -26) from the middle
    centre = np.array([70.0, 60.0])
    picture = np.asarray(placed(Image.fromarray(layer), scale, angle, centre, (160, 140)), float)
    assert picture.shape == (140, 160)
    y, x = np.mgrid[:140, :160]
    middle = np.array([(x * picture).sum(), (y * picture).sum()]) / picture.sum()
    cosine, sine = np.cos(angle), np.sin(angle)
    expected = centre + scale * np.array([24 * cosine + 26 * sine, 24 * sine - 26 * cosine])
    np.testing.assert_allclose(middle, expected, atol=0.3)
    assert picture.sum() / 255 == pytest.approx(64 * scale**2, rel=0.1)


def test_the_scale_found_is_as_good_as_the_best_of_a_fine_search():
    y, x = np.mgrid[:100, :100]

    def ring(scale):  # leaves the crop and shows less and less of itself as it grows
        radius = np.hypot(x - 20, y - 30)
        return (radius < 50 * scale) & (radius > 25 * scale)

    for target in (0.05, 0.2, 0.3):
        _, covered = scale_for(ring, target, 0.3, 3)
        tries = [abs(ring(scale).mean() - target) for scale in np.linspace(0.05, 3, 300)]
        assert abs(covered.mean() - target) < min(tries) + 0.01


def test_the_scale_never_passes_its_limit():
    scale, covered = scale_for(lambda scale: np.eye(100, dtype=bool) & (scale > 0), 0.4, 1.0, 2.5)
    assert scale <= 2.5
    assert covered.sum() == 100
