"""Configs: files with `_base_`, overrides, and what a config may hold.

`load_config` is the door. `schema.py` says which keys there are, `keys.py` asks it; `overrides.py`
sets keys by their dotted names.
"""

from mmlite.config.files import bases_of, check_files, plain_content
from mmlite.config.loading import Config, is_pretrained, load_config

__all__ = ['Config', 'bases_of', 'check_files', 'is_pretrained', 'load_config', 'plain_content']
