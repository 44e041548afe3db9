"""Train what only the paper's tables need: detectors of Table 1, encoder and heads of Table 10.

    python benchmarks/train_baselines.py detector_baselines --data DIR
    python benchmarks/train_baselines.py expression_encoder --data DIR
    python benchmarks/train_baselines.py ablation --data DIR

Options are those of `latent-ofer train`, which trains the other networks to measure against.
"""

import sys
from typing import Final

import ablation_heads
import detector_baselines
import expression_encoder

from latent_ofer.cli.main import main
from latent_ofer.train_all import Stage

STAGES: Final[dict[str, Stage]] = {
    detector_baselines.STAGE: Stage(
        detector_baselines.DetectorBaselinesRecipe,
        detector_baselines.NEEDS,
        detector_baselines.PARENTS,
        detector_baselines.train_detector_baselines,
    ),
    expression_encoder.STAGE: Stage(
        expression_encoder.EncoderRecipe,
        expression_encoder.NEEDS,
        expression_encoder.PARENTS,
        expression_encoder.train_expression_encoder,
    ),
    ablation_heads.STAGE: Stage(
        ablation_heads.AblationRecipe,
        ablation_heads.NEEDS,
        ablation_heads.PARENTS,
        ablation_heads.train_ablation,
    ),
}

if __name__ == "__main__":
    main(["train", *sys.argv[1:]], STAGES)
