"""VoTT 2: its JSON export, or the assets of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.tools.convert_dataset.content import (
    from_xywh,
    get,
    keyed_numbers,
    load_json,
    name_of,
    size_of,
)
from mmlite.tools.convert_dataset.files import one_json
from mmlite.tools.convert_dataset.source import (
    NO_CLASS,
    POLYGONS,
    UNLABELLED,
    Picture,
    Records,
    Source,
)

LOOKS_FOR = "a VoTT export (JSON with 'assets' and 'tags'), or *-asset.json beside a .vott file"
_NOT_VISITED = 0


def finds(source: Source) -> bool:
    return bool(_asset_files(source)) or any(map(source_is_export(source), _jsons(source)[:3]))


def source_is_export(source: Source) -> Any:
    return lambda path: is_export(source.json(path))


def is_export(content: Any) -> bool:
    return isinstance(content, dict) and {'assets', 'tags'} <= set(content)


def records(source: Source) -> Records:
    """Reads an export, or each asset; classes are in the order of the tags."""
    assets = _asset_files(source)
    projects = [path for path in _jsons(source) if is_export(source.json(path))]
    if assets:
        entries = [(path, None) for path in assets]
        tags = _tags(source, projects[0]) if projects else []
        return Records(source.each(lambda item: _picture(source, *item), entries), tags)
    path, content = one_json(source, is_export)
    entries = [(f'{path}: {key!r}', entry) for key, entry in _assets(content, path)]
    return Records(source.each(lambda item: _picture(source, *item), entries), _tags(source, path))


def _assets(content: dict, path: Path) -> list[tuple[str, Any]]:
    return list(get(content, 'assets', dict, str(path)).items())


def _jsons(source: Source) -> list[Path]:
    beside = [path for path in _project_files(source) if path.suffix in ('.json', '.vott')]
    return [path for path in beside if not path.name.endswith('-asset.json')]


def _project_files(source: Source) -> list[Path]:
    """A .vott file names its assets only; what they hold lies beside it."""
    if source.path.suffix == '.vott':
        return [*sorted(source.path.parent.glob('*-asset.json')), source.path]
    return source.files


def _asset_files(source: Source) -> list[Path]:
    return [path for path in _project_files(source) if path.name.endswith('-asset.json')]


def _tags(source: Source, path: Path) -> list[str]:
    tags = get(source.json(path), 'tags', list, str(path))
    return [
        name_of(tag.get('name') if isinstance(tag, dict) else tag, f'{path}: tags') for tag in tags
    ]


def _picture(source: Source, at: str | Path, entry: Any) -> Picture | None:
    entry = load_json(at) if isinstance(at, Path) else entry
    asset = get(entry, 'asset', dict, str(at))
    regions = get(entry, 'regions', list, str(at))
    name = get(asset, 'name', str, str(at))
    if asset.get('state') == _NOT_VISITED and not regions:
        source.lose(UNLABELLED)
        return None
    boxes = []
    for i, region in enumerate(regions):
        here = f'{at}: regions[{i}]'
        outline = get(region, 'boundingBox', dict, here)
        corners = from_xywh(*keyed_numbers(outline, ('left', 'top', 'width', 'height'), here))
        tags = get(region, 'tags', list, here)
        source.lose(POLYGONS, region.get('type') == 'POLYGON')
        source.lose(NO_CLASS, not tags)
        source.lose('regions with several tags, written as a box for each', len(tags) > 1)
        boxes += [Box(name_of(tag, here), corners) for tag in tags]
    size = get(asset, 'size', dict, str(at), default={})
    return Picture(name, boxes, size_of(size.get('width'), size.get('height')))
