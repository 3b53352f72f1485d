"""The one pipeline of every dense head: priors, targets, losses, scores, detections.

N images, R priors over all L levels, A at each location, C object classes, K class outputs per
prior, g boxes and m candidates of an image.

    loss:     forward -> priors -> assign -> loss_terms
    predict:  forward -> priors -> scores -> candidates -> decode -> NMS

What varies by data (priors, assigner, coder, losses) is an object from the config. What varies by
structure is a method: a head writes `forward`, and where it has a branch of its own one term in
`loss_terms` and one `score_factor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor, nn

from mmlite.config.keys import check_dict
from mmlite.config.schema import TEST_CFG, TRAIN_CFG, Keys
from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.heads.fitting import check_assigner, check_kinds_of_loss, flat_test_cfg
from mmlite.ops.assignment import BACKGROUND, IGNORE, Assignment, Predictions, as_assignment
from mmlite.ops.boxes import to_original
from mmlite.ops.nms import best_of_each_class, multiclass_nms, select_candidates
from mmlite.registry import LOSSES, TASK_UTILS
from mmlite.support.signatures import still_by_position

BACKGROUND_LABEL = 0
IGNORE_LABEL = -1


class DenseHead(BaseModule):
    """Predicts a class and a box at every prior.

    Args:
        num_classes: C, object classes without background.
        prior_generator: config of the priors.
        bbox_coder: config of the coder.
        loss_cls, loss_bbox: configs of the losses. Of these four parts a subclass may give a config
            in `DEFAULTS`, which is taken where the argument is None.
        train_cfg: dict with `assigner`; None for a head that only predicts.
        test_cfg: dict with `score_thr`, `nms_pre`, `nms` (hard or soft, see `nms_rule`),
            `max_per_img`, `min_bbox_size`. With `max_per_class` > 0, this number of each class's
            candidates enter the NMS, in place of `nms_pre` of each level. `geometric_score`: the
            geometric mean of class score and `score_factor` is the score before the threshold;
            else their product after it.
        init_cfg: an initialiser of mmengine; None takes `INIT_CFG` of the class.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = {}
    LOSS_NEEDS: ClassVar[dict[str, dict]] = {}  # of each loss, see `fitting.py`
    NEEDS_PAIRS: ClassVar[bool] = False  # of the assigner, see `Assignment`
    TRAIN_KEYS: ClassVar[Keys] = TRAIN_CFG
    TEST_KEYS: ClassVar[Keys] = TEST_CFG
    CFG_PATHS: ClassVar[str] = 'model.{}_cfg'  # where a config has the two, for messages

    @still_by_position
    def __init__(
        self,
        num_classes: int,
        *,
        prior_generator: dict | None = None,
        bbox_coder: dict | None = None,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_classes = num_classes
        self.prior_generator = TASK_UTILS.build(self._given('prior_generator', prior_generator))
        self.bbox_coder = TASK_UTILS.build(self._given('bbox_coder', bbox_coder))
        self.loss_cls = LOSSES.build(self._given('loss_cls', loss_cls))
        self.loss_bbox = LOSSES.build(self._given('loss_bbox', loss_bbox))
        check_kinds_of_loss(self)
        self.num_outputs = self.loss_cls.num_outputs(num_classes)
        check_dict(train_cfg or {}, self.TRAIN_KEYS, self.cfg_path('train'))
        assigner = (train_cfg or {}).get('assigner')
        self.assigner = TASK_UTILS.build(assigner) if assigner is not None else None
        check_assigner(self, self.assigner)
        self.test_cfg = flat_test_cfg(test_cfg or {}, self.TEST_KEYS, self.cfg_path('test'))

    def cfg_path(self, task: str) -> str:
        """Returns where a config has the `train_cfg` or `test_cfg` of this head."""
        return self.CFG_PATHS.format(task)

    def _given(self, part: str, cfg: dict | None) -> dict:
        cfg = cfg or self.DEFAULTS.get(part)
        if cfg is None:
            raise TypeError(f"it needs the argument '{part}', and has no default for it")
        return cfg

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Maps (N, C_l, h, w) -> `cls_score` (N, R, K), `bbox_pred` (N, R, 4), extras (N, R)."""
        raise NotImplementedError

    def flatten_scores(self, cls_maps: Sequence[Tensor]) -> Tensor:
        """Per level (N, A * K, H, W) logits -> (N, R, K), background first where it has a column.

        The convolutions have it last, as mmdet 3.x's files do; labels have it first.
        """
        # L of (N, A * K, H, W) -> (N, R, K), as the files have it: C classes, then the background
        cls_score = flatten_levels(cls_maps, self.num_outputs)
        # (N, R, K = C) stays; (N, R, K = C + 1): the last column becomes the first
        return cls_score if self.num_outputs == self.num_classes else cls_score.roll(1, dims=-1)

    # ---- training -------------------------------------------------------------------------

    def loss(
        self,
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the scalar losses by name: those of `loss_terms`.

        Args:
            feats: feature maps, high to low resolution.
            img_metas: per image, with `pad_shape` and `batch_input_shape`.
            gt_bboxes: per image (g, 4), xyxy, input pixels.
            gt_labels: per image (g,), 1..C.
            gt_bboxes_ignore: per image (k, 4).

        Raises:
            ConfigError: there is no assigner.
        """
        predicted = self.forward_with_priors(feats)
        truth = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        return self.loss_of(predicted, feats, img_metas, *truth)

    def loss_of(
        self,
        predicted: tuple[dict[str, Tensor], Tensor, list[int]],
        feats: Sequence[Tensor],
        img_metas: list[dict],
        *truth: list[Tensor] | None,
    ) -> dict[str, Tensor]:
        """Returns what `loss` does, from what `forward_with_priors` returned for the maps."""
        if self.assigner is None:
            raise ConfigError(f"{self.cfg_path('train')}: training needs the key 'assigner'")
        outs, priors, num_per_level = predicted
        for loss in (self.loss_cls, self.loss_bbox):
            if hasattr(loss, 'set_levels'):
                loss.set_levels(num_per_level)
        with torch.autocast(feats[0].device.type, enabled=False):
            found = self.predictions(outs, priors) if self.asks_predictions() else None
            targets = self.get_targets(priors, num_per_level, feats, img_metas, *truth, found)
            return self.loss_terms(outs, priors, *targets)

    def asks_predictions(self) -> bool:
        """Whether the assigner compares what is predicted; a plugin's may not say it."""
        return getattr(self.assigner, 'needs_predictions', False)

    def forward_with_priors(
        self, feats: Sequence[Tensor]
    ) -> tuple[dict[str, Tensor], Tensor, list[int]]:
        """Returns what `forward` does, the priors (R, 4), and their number in each level.

        Mixed precision ends here: what follows is float32 at least.

        Raises:
            ConfigError: the feature maps or the predictions do not fit the priors.
        """
        priors, num_per_level = self.prior_generator(featmap_sizes(feats), feats[0])
        outs = {key: at_least_float32(out) for key, out in self(feats).items()}
        if len(priors) != outs['cls_score'].shape[1]:
            raise ConfigError(
                f'{type(self).__name__} predicts {outs["cls_score"].shape[1]} boxes an image, '
                f'{type(self.prior_generator).__name__} makes {len(priors)} priors'
            )
        return outs, priors, num_per_level

    @torch.no_grad()
    def predictions(self, outs: dict[str, Tensor], priors: Tensor) -> Predictions:
        """Returns what an assigner with `needs_predictions` compares: (N, R, C) and (N, R, 4)."""
        bbox_pred, scores = outs['bbox_pred'], self.loss_cls.scores(outs['cls_score'])
        # (N, R, 4) -> (N * R, 4) -> (N, R, 4)
        bboxes = self.bbox_coder.decode(priors.repeat(len(bbox_pred), 1), bbox_pred.flatten(0, 1))
        return Predictions(scores, bboxes.view_as(bbox_pred), outs['cls_score'].detach())

    @torch.no_grad()
    def get_targets(
        self,
        priors: Tensor,
        num_per_level: list[int],
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None,
        predictions: Predictions | None = None,
    ) -> tuple[Tensor, ...]:
        """Returns per prior its label (N, R) and the box it has to find (N, R, 4).

        Labels: -1 ignore, 0 background, 1..C. Boxes are 0 where there is none to find. Where the
        assigner says so, a third tensor (N, R): the score that the prior has to reach, 0 for none.
        """
        truth = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        assigned = self.assign(priors, num_per_level, feats, img_metas, *truth, predictions)
        return self.gather_targets(assigned, gt_bboxes, gt_labels)

    def gather_targets(
        self, assigned: list[Assignment], gt_bboxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Returns what `get_targets` does, from what the assigner says of each image."""
        targets = []
        for found, own_bboxes, own_labels in zip(assigned, gt_bboxes, gt_labels, strict=True):
            quality = [] if found.quality is None else [found.quality]
            targets.append([*labels_and_boxes(found.indices, own_bboxes, own_labels), *quality])
        # N of (R,) and (R, 4) -> (N, R) and (N, R, 4)
        return tuple(torch.stack(target) for target in zip(*targets, strict=True))

    def assign(
        self,
        priors: Tensor,
        num_per_level: list[int],
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None,
        predictions: Predictions | None,
    ) -> list[Assignment]:
        """Returns what the assigner says of each image's priors; arguments of `get_targets`."""
        assigned, asks = [], getattr(self.assigner, 'needs_predictions', False)
        for i, meta in enumerate(img_metas):
            ignored = gt_bboxes_ignore[i] if gt_bboxes_ignore is not None else None
            # inside: indices (r,) of the priors in the image, all of them where there is no padding
            inside, counts = self.priors_inside(feats, meta) or (slice(None), num_per_level)
            asked = [gt_labels[i], predictions[i][inside]] if asks else []
            found = self.assigner(priors[inside], counts, gt_bboxes[i], ignored, *asked)
            assigned.append(as_assignment(found).spread(inside, len(priors)))
        return assigned

    def priors_inside(
        self, feats: Sequence[Tensor], img_meta: dict
    ) -> tuple[Tensor, list[int]] | None:
        """Returns the priors whose cell sees the image, see `inside`; None where all do."""
        pad_shape = tuple(img_meta['pad_shape'][:2])
        if pad_shape == tuple(img_meta['batch_input_shape']):
            return None
        return self.prior_generator.inside(featmap_sizes(feats), pad_shape, feats[0])

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """Returns the scalar losses; `avg_factor` counts at least one positive in each image.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos = labels > 0
        avg_factor = num_positives(pos)
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, avg_factor),
            loss_bbox=self.loss_bbox(*pairs, avg_factor, pos.flatten()),
        )

    def bbox_pairs(
        self, outs: dict[str, Tensor], priors: Tensor, pos: Tensor, matched: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns what the priors predict and should: (N * R, 4), boxes or deltas.

        Which of the two the loss says. Where `pos` (N, R) is False both are the prior itself, as
        far as the coder can say so; the loss gives such rows the weight 0. To pick the positive
        ones out, the device would have to be asked how many they are, in the middle of a step.
        """
        pos = pos.flatten()[:, None]  # (N, R) -> (N * R, 1)
        priors = priors.repeat(len(matched), 1)  # (R, 4) -> (N * R, 4)
        bbox_pred = outs['bbox_pred'].flatten(0, 1).where(pos, 0)  # (N, R, 4) -> (N * R, 4)
        matched = matched.flatten(0, 1).where(pos, priors)  # (N, R, 4) -> (N * R, 4)
        if self.loss_bbox.on_decoded:
            return self.bbox_coder.decode(priors, bbox_pred), matched
        return bbox_pred, self.bbox_coder.encode(priors, matched)

    # ---- testing --------------------------------------------------------------------------

    def predict(
        self, feats: Sequence[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns per image dict(bboxes (n, 4), scores (n,), labels (n,) 1..C), best first.

        Args:
            feats: feature maps.
            img_metas: per image, with `img_shape` and, to rescale, `scale_factor`.
            rescale: boxes in pixels of the original image; else of the network's input.
        """
        outs, priors, num_per_level = self.forward_with_priors(feats)
        scores, factor = self.scores_and_factor(outs)
        return [
            self.detect(
                scores[i],
                outs['bbox_pred'][i],
                None if factor is None else factor[i],
                priors,
                num_per_level,
                meta,
                rescale,
            )
            for i, meta in enumerate(img_metas)
        ]

    def scores_and_factor(self, outs: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """Returns the scores (N, R, C) for the threshold, and what they are multiplied by after."""
        scores = self.loss_cls.scores(outs['cls_score'])
        factor = self.score_factor(outs)
        if factor is not None and self.test_cfg['geometric_score']:
            # (N, R, C) * (N, R, 1) -> (N, R, C)
            return (scores * factor[..., None]).sqrt(), None
        return scores, factor

    def score_factor(self, outs: dict[str, Tensor]) -> Tensor | None:
        """A factor (N, R) on the scores of the candidates, such as centerness; None for none."""
        return None

    def detect(
        self,
        scores: Tensor,
        bbox_pred: Tensor,
        factor: Tensor | None,
        priors: Tensor,
        num_per_level: list[int],
        img_meta: dict,
        rescale: bool,
    ) -> dict[str, Tensor]:
        """The detections of one image from its scores (R, C) and deltas (R, 4)."""
        cfg = self.test_cfg
        inds, labels = self.candidates(scores, num_per_level)
        # (R, 4) -> (m, 4) of the candidates
        bboxes = self.bbox_coder.decode(priors[inds], bbox_pred[inds], img_meta['img_shape'][:2])
        kept = scores[inds, labels - 1]  # (R, C) -> (m,)
        if factor is not None:
            kept = kept * factor[inds]
        if rescale:
            bboxes = to_original(bboxes, img_meta)
        sides = bboxes[:, 2:] - bboxes[:, :2]
        large = (sides > cfg['min_bbox_size']).all(dim=1)  # (m, 2) -> (m,) bool
        bboxes, kept, labels = bboxes[large], kept[large], labels[large]
        keep, found = multiclass_nms(bboxes, kept, labels, cfg['nms'], cfg['max_per_img'])  # (n,)
        return dict(bboxes=bboxes[keep], scores=found, labels=labels[keep])

    def candidates(self, scores: Tensor, num_per_level: list[int]) -> tuple[Tensor, Tensor]:
        """Scores (R, C) -> the pairs worth decoding: indices (m,) of priors, labels (m,) 1..C."""
        cfg = self.test_cfg
        if cfg['max_per_class'] > 0:
            return best_of_each_class(scores, cfg['score_thr'], cfg['max_per_class'])
        return select_candidates(scores, num_per_level, cfg['score_thr'], cfg['nms_pre'])


def labels_and_boxes(
    indices: Tensor, gt_bboxes: Tensor, gt_labels: Tensor
) -> tuple[Tensor, Tensor]:
    """What an assigner says of priors (R,) -> their labels (R,) and the boxes (R, 4) to find.

    Labels: -1 ignore, 0 background, 1..C. Boxes are 0 where there is none to find.
    """
    # The two rows at the end are what IGNORE (-2) and BACKGROUND (-1) point at.
    assert (IGNORE, BACKGROUND) == (-2, -1)
    ends = [gt_labels.new_full((1,), end) for end in (IGNORE_LABEL, BACKGROUND_LABEL)]
    # (g + 2,)[(R,)] -> (R,), and (g + 2, 4)[(R,)] -> (R, 4)
    labels = torch.cat([gt_labels, *ends])[indices]
    return labels, torch.cat([gt_bboxes, gt_bboxes.new_zeros(2, 4)])[indices]


def dense_head_of(detector: nn.Module) -> nn.Module | None:
    """Returns the head on the feature maps; a plugin's own detector may only have `bbox_head`."""
    return getattr(detector, 'dense_head', getattr(detector, 'bbox_head', None))


def classifier_of(detector: nn.Module) -> nn.Module | None:
    """Returns the head whose classes are the data set's, as `dense_head_of` does."""
    return getattr(detector, 'classifier', getattr(detector, 'bbox_head', None))


def head_with_priors(detector: nn.Module, purpose: str) -> DenseHead:
    """Returns the head of a detector for what needs its priors, which `purpose` names.

    Raises:
        ConfigError: the head has a way of its own, without priors.
    """
    head = dense_head_of(detector)
    if not hasattr(head, 'prior_generator'):
        raise ConfigError(
            f'model.bbox_head: {purpose} needs the priors of a DenseHead, and '
            f'{type(head).__name__} has none'
        )
    return head


def rare_objects_init(class_layer: str) -> dict:
    """Returns the init_cfg of a sigmoid head with focal loss (Lin et al. 2017, section 4.1).

    Every class starts with a score of 0.01: else the loss of the background is all at first.
    """
    rare = dict(type='Normal', name=class_layer, std=0.01, bias_prob=0.01)
    return dict(type='Normal', layer='Conv2d', std=0.01, override=rare)


def flatten_levels(maps: Sequence[Tensor], channels: int) -> Tensor:
    """Per level (N, A * channels, H, W) -> (N, R, channels): rows, columns, then priors."""
    # (N, A * K, H, W) -> (N, H, W, A * K) -> (N, H * W * A, K); then the levels in a row
    return torch.cat([m.permute(0, 2, 3, 1).reshape(m.shape[0], -1, channels) for m in maps], dim=1)


def featmap_sizes(feats: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Returns (h, w) of each map (N, C, h, w)."""
    return [tuple(feat.shape[-2:]) for feat in feats]


def at_least_float32(values: Tensor) -> Tensor:
    """Half precision is too coarse to sum over thousands of priors, or for boxes in pixels."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def num_positives(pos: Tensor) -> Tensor:
    """The number of positive priors (N, R) in a batch, at least one in each image: a scalar."""
    # (N, R) -> (N,) positives of each image -> scalar
    return reduce_mean(pos.sum(dim=1).clamp(min=1).sum().float())


def reduce_mean(value: Tensor) -> Tensor:
    """Averages a scalar over the processes of a distributed run."""
    if get_world_size() > 1:
        all_reduce(value, 'mean')
    return value
