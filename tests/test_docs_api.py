"""The pages of docs/api name what is there, with a docstring, and all that a config can name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

from mmlite import ops, parallel
from mmlite.registry import registries
from tests.runs import CHECKOUT, shell

TEXT = '\n'.join(page.read_text('utf-8') for page in (CHECKOUT / 'docs/api').glob('*.md'))
MODULES = re.findall(r'^::: ([\w.]+)$', TEXT, re.M)


def test_references_lead_somewhere() -> None:
    targets = re.findall(r'\]\[(mmlite[\w.]*)\]', TEXT) + re.findall(r'\[`([\w.]+)`\]\[\]', TEXT)
    assert len(targets) > 10
    for target in targets:
        pkgutil.resolve_name(target)


def test_what_a_config_can_name_is_described() -> None:
    for registry in registries().values():
        modules = {registry.get(name).__module__ for name in registry.names()}
        own = {module for module in modules if module.startswith('mmlite.')}
        assert own <= set(MODULES)
    assert len(MODULES) > 50


@pytest.mark.parametrize('package', [ops, parallel], ids=lambda package: package.__name__)
def test_the_modules_of_a_package_are_described(package: Any) -> None:
    modules = {
        f'{package.__name__}.{module.name}' for module in pkgutil.iter_modules(package.__path__)
    }
    assert modules <= set(MODULES)


@pytest.mark.parametrize('name', MODULES)
def test_everything_public_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    bare = [
        member
        for member, value in vars(module).items()
        if getattr(value, '__module__', None) == name  # not what is imported from elsewhere
        and not member.startswith('_')
        and (inspect.isclass(value) or inspect.isfunction(value))
        and not value.__doc__
    ]
    assert not bare


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip('mkdocs', reason="the extra 'docs' is not installed")
    pytest.importorskip('mkdocstrings', reason="the extra 'docs' is not installed")
    built = shell(['-m', 'mkdocs', 'build', '--strict', '--site-dir', tmp_path / 'site'])
    assert built.status == 0, built.err
    page = (tmp_path / 'site/api/ops/index.html').read_text('utf-8')
    assert 'mmlite.ops.coders.DeltaXYWHBBoxCoder.encode' in page
