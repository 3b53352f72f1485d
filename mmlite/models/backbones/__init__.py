"""Backbones: images (N, 3, H, W) to a list of feature maps, high to low resolution."""

from mmlite.models.backbones.csp_darknet import CSPDarknet
from mmlite.models.backbones.cspnext import CSPNeXt
from mmlite.models.backbones.mobilenet_v2 import MobileNetV2
from mmlite.models.backbones.resnet import ResNet
from mmlite.models.backbones.torchvision_backbone import TorchvisionBackbone
from mmlite.models.backbones.vgg import SSDVGG

__all__ = ['SSDVGG', 'CSPDarknet', 'CSPNeXt', 'MobileNetV2', 'ResNet', 'TorchvisionBackbone']
