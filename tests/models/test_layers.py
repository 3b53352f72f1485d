"""ConvModule's parts and keys, norms, activations, and L2Norm by hand."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from mmengine.model import initialize
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.layers import (
    Conv2d,
    ConvModule,
    ConvWS2d,
    L2Norm,
    build_norm,
    conv_class,
    conv_norm,
    prepare_for_inference,
)


@pytest.mark.parametrize(
    ('norm_cfg', 'bias', 'keys'),
    [
        (None, None, ['conv.weight', 'conv.bias']),
        (None, False, ['conv.weight']),
        (dict(type='BN'), None, ['conv.weight', 'bn.weight', 'bn.bias']),
        (dict(type='BN'), True, ['conv.weight', 'conv.bias', 'bn.weight', 'bn.bias']),
        (dict(type='GN', num_groups=2), None, ['conv.weight', 'gn.weight', 'gn.bias']),
    ],
)
def test_parameters_of_a_conv_module_have_mmcvs_keys(norm_cfg, bias, keys):
    module = ConvModule(3, 4, 3, bias=bias, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
    assert [key for key, _ in module.named_parameters()] == keys


def test_conv_then_norm_then_activation():
    module = ConvModule(1, 1, 1, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')).eval()
    with torch.no_grad():
        module.conv.weight.fill_(2)
        module.bn.running_mean.fill_(4)
        module.bn.bias.fill_(1)
    # 2x - 4 + 1, then nothing below 0; any other order gives other numbers
    out = module(Tensor([[[[1, 2, 3]]]]))
    torch.testing.assert_close(out.flatten(), Tensor([0, 1, 3]), atol=1e-4, rtol=0)


def test_arguments_of_the_convolution():
    module = ConvModule(4, 8, 3, stride=2, padding=2, dilation=2, groups=4)
    assert module.conv.weight.shape == (8, 1, 3, 3)
    assert module(torch.zeros(1, 4, 9, 9)).shape == (1, 8, 5, 5)  # (9 + 4 - 5) / 2 + 1
    # without act_cfg there is none: negative values pass
    assert (module(torch.randn(1, 4, 9, 9, generator=torch.manual_seed(0))) < 0).any()


def test_norm_keys_go_to_the_layer_but_requires_grad():
    name, norm = build_norm(dict(type='BN', eps=0.5, momentum=0.25, requires_grad=False), 6)
    assert (name, norm.eps, norm.momentum, norm.num_features) == ('bn', 0.5, 0.25, 6)
    assert not any(parameter.requires_grad for parameter in norm.parameters())
    assert build_norm(dict(type='SyncBN'), 6)[0] == 'bn'
    name, norm = build_norm(dict(type='GN', num_groups=3), 6)
    assert (name, norm.num_groups, norm.num_channels) == ('gn', 3, 6)


def test_config_of_a_norm_is_not_changed():
    norm_cfg = dict(type='BN', requires_grad=True)
    build_norm(norm_cfg, 2)
    assert norm_cfg == dict(type='BN', requires_grad=True)


def test_mistakes_in_norms():
    with pytest.raises(ConfigError, match=r"norm_cfg: type 'SynBN' .* mean 'SyncBN'"):
        build_norm(dict(type='SynBN'), 4)
    with pytest.raises(ConfigError, match=r"BatchNorm2d takes no argument 'epsilon'"):
        build_norm(dict(type='BN', epsilon=1e-3), 4)
    with pytest.raises(ConfigError, match=r"GroupNorm needs the argument 'num_groups'"):
        build_norm(dict(type='GN'), 4)


def test_layer_norm_is_for_tokens():
    name, norm = build_norm(dict(type='LN'), 2)
    # mean 2 and deviation 1 of the last axis
    torch.testing.assert_close(norm(Tensor([[[1, 3]]])), Tensor([[[-1, 1]]]), rtol=1e-4, atol=0)
    assert name == 'ln'
    with pytest.raises(ConfigError, match=r'LN normalises the last axis, of 2 channels; it gets'):
        norm(torch.zeros(1, 2, 4, 4))


def test_l2_norm_scales_each_location_over_its_channels():
    norm = L2Norm(2, scale=10)
    # (3, 4) has length 5, (0, 2) length 2; channel 1 is weighted by 1 instead of 10
    with torch.no_grad():
        norm.weight[1] = 1
    x = Tensor([[[[3, 0]], [[4, 2]]]])
    torch.testing.assert_close(norm(x), Tensor([[[[6, 0]], [[0.8, 1]]]]))


def test_l2_norm_of_half_precision_does_not_overflow():
    norm = L2Norm(512, scale=20.0)
    # 512 * 100^2 is far above float16's 65504; the length of the vector is 100 * sqrt(512)
    out = norm(torch.full((1, 512, 1, 1), 100, dtype=torch.float16))
    assert out.dtype == torch.float16
    torch.testing.assert_close(out[0, 0].item(), 20 / 512**0.5, atol=1e-3, rtol=0)


def test_l2_norm_of_zeros_is_zero_and_has_a_finite_gradient():
    norm = L2Norm(3)
    norm(torch.zeros(1, 3, 2, 2)).sum().backward()
    assert torch.isfinite(norm.weight.grad).all()


def test_a_lone_value_is_normalised_by_the_running_statistics():
    _, norm = build_norm(dict(type='BN'), 2)
    with torch.no_grad():
        norm.running_mean.copy_(Tensor([1, 2]))
        norm.running_var.copy_(Tensor([4, 9]))
    before = norm.num_batches_tracked.item()
    out = norm.train()(Tensor([5, 8]).view(1, 2, 1, 1))
    # (5 - 1) / sqrt(4) = 2, (8 - 2) / sqrt(9) = 2
    torch.testing.assert_close(out.flatten(), Tensor([2, 2]), rtol=1e-4, atol=1e-4)
    assert norm.num_batches_tracked.item() == before
    assert norm(torch.rand(2, 2, 1, 1)).mean().abs() < 1e-5  # two values have statistics


def test_standardised_weights_by_hand():
    conv = conv_class(dict(type='ConvWS'))(3, 2, 1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(Tensor([[1, 2, 3], [10, 10, 40]])[..., None, None])
    # 1 2 3: mean 2, deviation 1 (of three values, divided by two); the epsilon of 1e-5 aside.
    # 10 10 40: mean 20, deviation sqrt((100 + 100 + 400) / 2) = 17.32: -0.577 -0.577 1.155
    out = conv(torch.eye(3)[..., None, None]).squeeze()
    expected = Tensor([[-1, -0.577], [0, -0.577], [1, 1.155]])
    torch.testing.assert_close(out, expected, atol=1e-3, rtol=0)
    assert list(conv.state_dict()) == ['weight']


def test_standardised_weights_can_take_a_norm_along_and_be_kept():
    torch.manual_seed(0)
    conv, norm = ConvWS2d(3, 4, 3).double(), nn.BatchNorm2d(4).double().eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.1, 2)
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    apart = norm(conv(x))
    torch.testing.assert_close(conv_norm(conv, norm, x), apart)
    with torch.no_grad():
        prepare_for_inference(conv)
        for _ in range(2):  # made, then kept
            torch.testing.assert_close(conv_norm(conv, norm, x), apart)


def test_initialisers_find_standardised_convolutions():
    conv = ConvWS2d(2, 2, 1)
    initialize(conv, dict(type='Constant', layer='Conv2d', val=3))
    assert conv.weight.unique().tolist() == [3]


@pytest.mark.parametrize('layer', ['BatchNorm2d', '_BatchNorm'])
def test_initialisers_find_batch_norm_by_either_name(layer):
    _, norm = build_norm(dict(type='BN'), 2)
    initialize(norm, dict(type='Constant', layer=layer, val=3))
    assert norm.weight.tolist() == [3, 3]


@pytest.mark.parametrize('bias', [False, True])
@pytest.mark.parametrize('norm', [nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)])
def test_a_norm_that_keeps_its_statistics_is_a_part_of_the_convolution(bias: bool, norm: nn.Module):
    torch.manual_seed(0)
    conv, norm = Conv2d(3, 4, 3, groups=1, bias=bias).double(), deepcopy(norm).double().eval()
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.1, 2)
    parameters = [*conv.parameters(), *norm.parameters()]
    for p in norm.parameters():
        nn.init.normal_(p)
    x = torch.randn(2, 3, 5, 6, dtype=torch.float64, requires_grad=True)
    apart, joined = norm(conv(x)), conv_norm(conv, norm, x)
    torch.testing.assert_close(joined, apart)
    weight = torch.randn_like(apart)
    for found, expected in zip(
        torch.autograd.grad((joined * weight).sum(), [x, *parameters]),
        torch.autograd.grad((apart * weight).sum(), [x, *parameters]),
        strict=True,
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    'norm',
    [
        nn.BatchNorm2d(4),
        nn.BatchNorm2d(4, track_running_stats=False).eval(),
        nn.GroupNorm(2, 4).eval(),
    ],
)
def test_a_norm_of_the_batch_or_of_groups_runs_by_itself(norm: nn.Module):
    conv, seen = Conv2d(3, 4, 1), []
    conv.register_forward_hook(lambda _module, _args, out: seen.append(out))
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(conv_norm(conv, norm, x), norm(seen[0]))


def test_a_watched_convolution_shows_what_its_norm_returns():
    conv, norm, seen = Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1).eval(), []
    nn.init.constant_(conv.weight, 2)
    norm.running_mean.fill_(1)
    conv.register_forward_hook(lambda _module, _args, out: seen.append(out))
    # (2 * 3 - 1) / sqrt(1 + 1e-5)
    assert conv_norm(conv, norm, torch.full((1, 1, 1, 1), 3.0)) is seen[0]
    assert seen[0].item() == pytest.approx(5, abs=1e-4)


# ---- kept weights ---------------------------------------------------------------------------


def drawn(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(*layers)
    for p in net.parameters():
        nn.init.normal_(p)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return net.to(memory_format=torch.channels_last).eval()


def layers() -> nn.Sequential:
    return drawn(
        ConvModule(3, 8, 3, padding=1, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')),
        ConvModule(8, 8, 3, padding=1, groups=4, norm_cfg=dict(type='GN', num_groups=2)),
        Conv2d(8, 4, 3, stride=2, dilation=2, bias=False),
    )


INPUT = torch.randn(2, 3, 12, 13).to(memory_format=torch.channels_last)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_kept_weights_change_nothing(dtype: torch.dtype):
    net = layers()
    with torch.autocast('cpu', dtype, enabled=dtype is torch.bfloat16):
        expected = net(INPUT)
        prepare_for_inference(net)
        for x in (INPUT, INPUT.contiguous()):
            found = net(x)
            assert found.dtype == expected.dtype
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        # weights kept for one size serve another
        smaller = net(INPUT[:1, :, :7, :9])
        torch.testing.assert_close(smaller, layers()(INPUT[:1, :, :7, :9]), rtol=1e-5, atol=1e-5)
    assert all(len(m.kept) == 1 for m in net.modules() if isinstance(m, Conv2d))


@torch.no_grad()
def test_float64_and_autocast_each_have_their_own():
    net = prepare_for_inference(layers())
    net(INPUT)
    with torch.autocast('cpu', torch.bfloat16):
        net(INPUT)
    assert {dtype for _, _, dtype in net[2].kept} == {torch.float32, torch.bfloat16}
    net.double()
    torch.testing.assert_close(net(INPUT.double()), layers().double()(INPUT.double()))


@pytest.mark.parametrize(
    'change',
    [
        lambda net: net.load_state_dict({k: v + 1 for k, v in net.state_dict().items()}),
        lambda net: (net.train(), nn.init.normal_(net[2].weight), net.eval()),
        lambda net: (nn.init.normal_(net[0].bn.weight), prepare_for_inference(net)),
    ],
)
@torch.no_grad()
def test_new_weights_are_not_missed(change):
    net = prepare_for_inference(layers())
    before = net(INPUT)
    change(net)
    after = net(INPUT)
    fresh = layers()
    fresh.load_state_dict(net.state_dict())
    torch.testing.assert_close(after, fresh(INPUT), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(after, before)


def test_with_gradients_the_weights_themselves_are_used():
    net = prepare_for_inference(layers())
    with torch.no_grad():
        net(INPUT)
    net(INPUT).sum().backward()
    assert net[0].conv.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_a_prepared_model_can_be_copied():
    net = prepare_for_inference(layers())
    expected = net(INPUT)
    torch.testing.assert_close(deepcopy(net)(INPUT), expected)
