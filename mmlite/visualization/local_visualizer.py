"""mmdet's name for the visualizer, which draws nothing before it is asked to."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.registry import VISUALIZERS
from mmengine.visualization import Visualizer


@VISUALIZERS.register_module()
class DetLocalVisualizer(Visualizer):
    """mmengine's Visualizer, which hands scalars and pictures on to its backends.

    Detections are drawn by `mmlite.visualization`, in colours of their own. mmengine's makes a
    figure of matplotlib's in any case, which delays the start of a run by its import (0.2 s); here
    the figure is made with the first image.

    Args:
        name: of the instance.
        vis_backends: configs of the backends.
        save_dir: where they write.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        vis_backends: list[dict] | None = None,
        save_dir: str | None = None,
    ) -> None:
        super().__init__(name, vis_backends=vis_backends, save_dir=save_dir)

    def set_image(self, image: np.ndarray) -> None:
        """Takes the image (h, w, 3) RGB that mmengine's `draw_*` methods then draw on."""
        if isinstance(self.fig_save, _NoFigure):
            figure = super()._initialize_fig(self.fig_save_cfg)
            self.fig_save_canvas, self.fig_save, self.ax_save = figure
            self.dpi = self.fig_save.get_dpi()
        super().set_image(image)

    def _initialize_fig(self, fig_cfg: dict) -> tuple[None, Any, None]:
        return None, _NoFigure(), None


class _NoFigure:
    """Answers the one question that mmengine's constructor has for a new figure."""

    def get_dpi(self) -> None:
        return None
