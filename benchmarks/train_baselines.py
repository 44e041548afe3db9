"""Train what only the paper's tables compare with: detectors of Table 1, heads of Table 10.

    python benchmarks/train_baselines.py detector_baselines --data DIR
    python benchmarks/train_baselines.py ablation --data DIR

Options are those of `latent-ofer train`, which trains the other networks to measure against.
"""

import sys
from typing import Final

import ablation_heads
import detector_baselines

from latent_ofer.cli.main import main
from latent_ofer.recogniser.train import NEEDS, RecogniserRecipe
from latent_ofer.train_all import Stage

STAGES: Final[dict[str, Stage]] = {
    detector_baselines.STAGE: Stage(
        detector_baselines.DetectorBaselinesRecipe,
        detector_baselines.NEEDS,
        detector_baselines.PARENTS,
        detector_baselines.train_detector_baselines,
    ),
    ablation_heads.STAGE: Stage(
        RecogniserRecipe,
        NEEDS,
        ablation_heads.PARENTS,
        ablation_heads.train_ablation,
        recipe_of="recogniser_paper",
    ),
}

if __name__ == "__main__":
    main(["train", *sys.argv[1:]], STAGES)
