"""Backbones: images (N, 3, H, W) to a list of feature maps, high to low resolution."""

from mmlite.models.backbones.resnet import ResNet
from mmlite.models.backbones.vgg import SSDVGG

__all__ = ['SSDVGG', 'ResNet']
