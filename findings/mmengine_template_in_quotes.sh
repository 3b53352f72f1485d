#!/usr/bin/env bash
# '{{ _base_.name }}' in quotes is no template in a Python config of mmengine, and no error either.
#
# One would guess: data_root = '{{ _base_.root }}' gives the value of the base, as
#   '{{ fileDirname }}' and '{{ $ENV:default }}' do in quotes; and '{{ _base_.root }}/train' a path.
# What happens: before the file is read, the template is replaced by a made-up name with quotes of its
#   own. In quotes that gives a text with quotes inside, which is never replaced by the value: the
#   config holds something like "_root_3f2a1c" (with the quotes), and a training looks for a folder of
#   that name. The same line in a YAML file ends in an error of the YAML reader.
# Versions: mmengine 0.10.7.
# Source: mmengine/config/config.py, Config._pre_substitute_base_vars and _substitute_base_vars.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mmengine==0.10.7 setuptools==80.9.0
cd "$folder"
echo "root = 'data/'" > base.py
cat > child.py <<'CONFIG'
_base_ = 'base.py'
without_quotes = {{ _base_.root }}
in_quotes = '{{ _base_.root }}'
a_part = '{{ _base_.root }}/train'
CONFIG
"$folder/venv/bin/python" - <<'PYTHON'
from mmengine.config import Config

cfg = Config.fromfile('child.py')
for key in ('without_quotes', 'in_quotes', 'a_part'):
    print(f'{key}: {cfg[key]!r}')
assert cfg.without_quotes == 'data/'
assert 'data' not in cfg.in_quotes and cfg.in_quotes.startswith('"_root_'), cfg.in_quotes
assert 'data' not in cfg.a_part and cfg.a_part.endswith('"/train'), cfg.a_part
PYTHON
