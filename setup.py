"""The configs go into the wheel as `mmlite/configs`; all else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:  # there the checkout's are found
            copy = Path(self.build_lib, 'mmlite', 'configs')
            shutil.rmtree(copy, ignore_errors=True)  # of a build before this one
            shutil.copytree('configs', copy, ignore=shutil.ignore_patterns('__pycache__'))


setup(cmdclass={'build_py': BuildWithConfigs})
