"""The config that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mmlite.config.safe import check_registered_types_only, check_text_holds_values_only
from mmlite.errors import ConfigError


def config_in(meta: Mapping[str, Any], source: str) -> Config:
    """Returns the config of the run that wrote the checkpoint, from the checkpoint's `meta`.

    Raises:
        ConfigError: it has none, or one that is more than values and registered types.
    """
    text = meta.get('cfg') or meta.get('config')
    if not isinstance(text, str) or 'model' not in text:
        raise ConfigError(
            f'{source} does not hold the config of its model: give it by --config, in Python by '
            'init_detector(CONFIG, CHECKPOINT)'
        )
    check_text_holds_values_only(text, f'in {source}')  # it came with the file: nothing may run
    config = Config.fromstring(text, '.py')
    check_registered_types_only(config)
    return config
