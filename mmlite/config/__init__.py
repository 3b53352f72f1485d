"""Configs: files with `_base_`, overrides, and what a config may hold.

`load_config` is the door. `schema.py` says which keys there are; `overrides.py` sets them by their
dotted names.
"""

from mmlite.config.loading import (
    Config,
    bases_of,
    check_files,
    is_pretrained,
    load_config,
    plain_content,
)

__all__ = ['Config', 'bases_of', 'check_files', 'is_pretrained', 'load_config', 'plain_content']
