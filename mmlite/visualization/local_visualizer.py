"""mmdet's name for the visualizer."""

from __future__ import annotations

from mmengine.registry import VISUALIZERS
from mmengine.visualization import Visualizer


@VISUALIZERS.register_module()
class DetLocalVisualizer(Visualizer):
    """mmengine's Visualizer, which hands scalars and pictures on to its backends.

    Detections are drawn by `mmlite.visualization`, in colours of their own.

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
