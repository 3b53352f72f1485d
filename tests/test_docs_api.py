"""The pages of docs/api name what is there, with a docstring, and all that a config can name."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

from lab.pages.static_checks import page_faults
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


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built without a warning."""
    pytest.importorskip('mkdocs', reason="the extra 'docs' is not installed")
    pytest.importorskip('mkdocstrings', reason="the extra 'docs' is not installed")
    folder = tmp_path_factory.mktemp('docs') / 'site'
    built = shell(['-m', 'mkdocs', 'build', '--strict', '--site-dir', folder])
    assert built.status == 0, built.err
    return folder


def test_the_pages_of_the_api_are_built(site: Path) -> None:
    page = (site / 'api/ops/index.html').read_text('utf-8')
    assert 'mmlite.ops.coders.DeltaXYWHBBoxCoder.encode' in page


def test_each_page_of_the_site_is_as_it_should_be(site: Path) -> None:
    pages = sorted(site.glob('**/index.html'))
    assert len(pages) > 30
    for path in pages:
        text = path.read_text('utf-8')
        assert page_faults(text) == [], path
        language = 'zh' if path.is_relative_to(site / 'zh') else 'en'
        assert f'<html lang="{language}"' in text, path


def test_old_links_to_headings_lead_there(site: Path) -> None:
    text = (site / 'troubleshooting/index.html').read_text('utf-8')
    assert '<h3 id="map-is-0"><a id="16-map-is-0"></a>' in text


def test_the_search_has_the_chinese_pages(site: Path) -> None:
    index = json.loads((site / 'search/search_index.json').read_text('utf-8'))
    assert any('zh/' in doc['location'] and '数据集' in doc['text'] for doc in index['docs'])
    assert (site / 'js/search.js').is_file()
    assert '.codehilite .k' in (site / 'css/site.css').read_text('utf-8')  # colours of code
