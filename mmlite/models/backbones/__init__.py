"""Backbones: images (N, 3, H, W) to a list of feature maps, high to low resolution."""

from mmlite.models.backbones.convnext import ConvNeXt
from mmlite.models.backbones.csp_darknet import CSPDarknet
from mmlite.models.backbones.cspnext import CSPNeXt
from mmlite.models.backbones.darknet import Darknet
from mmlite.models.backbones.efficientnet import EfficientNet
from mmlite.models.backbones.hrnet import HRNet
from mmlite.models.backbones.mobilenet_v2 import MobileNetV2
from mmlite.models.backbones.pvt import PyramidVisionTransformer, PyramidVisionTransformerV2
from mmlite.models.backbones.regnet import RegNet
from mmlite.models.backbones.res2net import Res2Net
from mmlite.models.backbones.resnest import ResNeSt
from mmlite.models.backbones.resnet import ResNet
from mmlite.models.backbones.swin import SwinTransformer
from mmlite.models.backbones.timm_backbone import TimmBackbone
from mmlite.models.backbones.torchvision_backbone import TorchvisionBackbone
from mmlite.models.backbones.vgg import SSDVGG

__all__ = [
    'SSDVGG',
    'CSPDarknet',
    'CSPNeXt',
    'ConvNeXt',
    'Darknet',
    'EfficientNet',
    'HRNet',
    'MobileNetV2',
    'PyramidVisionTransformer',
    'PyramidVisionTransformerV2',
    'RegNet',
    'Res2Net',
    'ResNeSt',
    'ResNet',
    'SwinTransformer',
    'TimmBackbone',
    'TorchvisionBackbone',
]
