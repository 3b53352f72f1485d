"""A sampler of two, as Libra R-CNN (Pang et al. 2019) has it."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mmlite.ops.samplers import RandomSampler
from mmlite.registry import TASK_UTILS


@TASK_UTILS.register_module()
class CombinedSampler(RandomSampler):
    """Takes boxes with an object by one sampler, and background by another.

    Args:
        num, pos_fraction, neg_pos_ub, add_gt_as_proposals: of both, as of RandomSampler.
        pos_sampler, neg_sampler: configs of the two.
    """

    def __init__(
        self, num: int, pos_fraction: float, pos_sampler: dict, neg_sampler: dict,
        neg_pos_ub: float = -1, add_gt_as_proposals: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num, pos_fraction, neg_pos_ub, add_gt_as_proposals)
        of_both = dict(num=num, pos_fraction=pos_fraction)
        self.pos_sampler = TASK_UTILS.build(pos_sampler, of_both)
        self.neg_sampler = TASK_UTILS.build(neg_sampler, of_both)
        self.needs = tuple({*self.pos_sampler.needs, *self.neg_sampler.needs})

    def order_of_pos(
        self, drawn: Tensor, labels: Tensor, num: int, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """That of the one."""
        return self.pos_sampler.order_of_pos(drawn, labels, num, facts)

    def order_of_neg(
        self, drawn: Tensor, labels: Tensor, num: Tensor, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """That of the other."""
        return self.neg_sampler.order_of_neg(drawn, labels, num, facts)
