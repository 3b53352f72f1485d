"""A head that predicts each box twice: the first box is what the second assigner compares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mmlite.config.keys import check_dict
from mmlite.config.schema import TRAIN_CFG
from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, num_positives
from mmlite.models.heads.fitting import check_assigner
from mmlite.ops.assignment import Predictions
from mmlite.ops.predicted_priors import PredictedPriors
from mmlite.registry import TASK_UTILS
from mmlite.support.signatures import with_arguments_of


class RefiningHead(DenseHead):
    """A DenseHead whose `forward` also returns `bbox_init`, the first boxes, as `bbox_pred`.

    Args (others as of DenseHead):
        train_cfg: dict with `init` and `refine`, each with an `assigner`: the first one compares
            the objects with the priors, the second one with the first boxes. None for a head that
            only predicts.

    Raises:
        ConfigError: one of the two is missing, or does not fit the head.
    """

    @with_arguments_of(DenseHead)
    def __init__(self, num_classes: int, *, train_cfg: dict | None = None, **others: Any) -> None:
        super().__init__(num_classes, **others)
        check_dict(train_cfg or {}, TRAIN_CFG, 'model.train_cfg')
        self.refine_assigner = None
        if train_cfg:
            self.assigner = self._assigner(train_cfg, 'init')
            self.refine_assigner = PredictedPriors(self._assigner(train_cfg, 'refine'))

    def _assigner(self, train_cfg: dict, stage: str) -> Callable:
        cfg, key = train_cfg.get(stage) or {}, f'model.train_cfg.{stage}'
        check_dict(cfg, TRAIN_CFG.keys[stage], key)
        if cfg.get('assigner') is None:
            raise ConfigError(f"{key}: {type(self).__name__} needs the key 'assigner' in it")
        assigner = TASK_UTILS.build(cfg['assigner'])
        check_assigner(self, assigner, f'{stage}.assigner')
        return assigner

    def asks_predictions(self) -> bool:
        """Yes: the second assigner compares the first boxes."""
        return True

    def predictions(self, outs: dict[str, Tensor], priors: Tensor) -> Predictions:
        """Returns what an assigner compares: the scores and the first boxes."""
        return super().predictions(dict(outs, bbox_pred=outs['bbox_init']), priors)

    def get_targets(self, priors: Tensor, num_per_level: list[int], *others: Any) -> tuple:
        """Returns labels (N, R) and boxes (N, R, 4) of the first boxes, then of the refined ones.

        Arguments are those of DenseHead.
        """
        first, second = self.assigner, self.refine_assigner
        targets = super().get_targets(priors, num_per_level, *others)
        self.assigner = second
        targets += super().get_targets(priors, num_per_level, *others)
        self.assigner = first
        return targets

    def box_loss(
        self, loss: nn.Module, unit: Tensor, bbox_pred: Tensor, priors: Tensor, labels: Tensor,
        matched: Tensor,
    ) -> Tensor:  # fmt: skip
        """A loss of decoded boxes, first or refined, so that a difference is as much on all levels.

        Args:
            loss: it compares boxes or differences.
            unit: (1, R, 1), pixels that a difference of 1 means.
            bbox_pred: (N, R, 4), for the coder.
            priors, labels, matched: see `loss_terms` of DenseHead.
        """
        pos = labels > 0
        wanted = matched.where(pos[..., None], priors)
        # (N, R, 4) -> (N * R, 4) -> (N, R, 4)
        found = self.bbox_coder.decode(priors.repeat(len(pos), 1), bbox_pred.flatten(0, 1))
        found = found.view_as(wanted).where(pos[..., None], wanted)
        pairs = ((boxes / unit).flatten(0, 1) for boxes in (found, wanted))
        return loss(*pairs, num_positives(pos), pos.flatten())
