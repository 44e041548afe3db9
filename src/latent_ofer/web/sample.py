"""The portrait that the page offers, as it is and with something over the mouth."""

import io
from importlib import resources

from PIL import Image

from latent_ofer.images.load import load_image
from latent_ofer.occlusion.procedural import draw_demo_occluder
from latent_ofer.pipeline import LatentOFER
from latent_ofer.web.app import Files


def sample_files(model: LatentOFER) -> Files:
    """Both pictures as files to serve; the model reads its first face on the way."""
    data = resources.files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes()
    portrait = load_image(data)
    faces = model.predict(portrait)
    photo = portrait
    if faces and faces[0].landmarks is not None:
        photo, _ = draw_demo_occluder(portrait, faces[0].landmarks)
        model.predict(photo)  # the networks of the repair are warm as well
    covered = io.BytesIO()
    Image.fromarray(photo).save(covered, "JPEG", quality=90)
    return {
        "/portrait.jpg": ("image/jpeg", data),
        "/portrait-covered.jpg": ("image/jpeg", covered.getvalue()),
    }
