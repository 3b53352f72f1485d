"""Code from outside the package: a user's file (`--plugin`) and installed packages.

What a config imports by itself is elsewhere: `custom_imports` is mmengine's, and
`type='package.module.Class'` is resolved by the registry.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path

from mmlite.errors import ConfigError
from mmlite.support.files import near_files

GROUP = 'mmlite.plugins'  # of entry points: the name is free, the value is a module


def import_plugins(files: Iterable[str]) -> None:
    """Imports the files of `--plugin`, see `import_plugin`."""
    for file in files:
        import_plugin(file)


def import_plugin(file: str) -> None:
    """Imports a Python file, so that what it registers can be named in a config.

    Other files in its folder can be imported by it.

    Raises:
        ConfigError: there is no such file, or another module has its name. Errors inside it keep
            their own traceback.
    """
    path = Path(file).resolve()
    if not path.is_file():
        raise ConfigError(f'--plugin {file}: no such file.{near_files(path, "*.py")}')
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, '__file__', None) == str(path):
        return
    if loaded is not None or path.stem in sys.stdlib_module_names:
        raise ConfigError(
            f"--plugin {file}: another module is named '{path.stem}': rename the file"
        )
    sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # workers that are spawned find the classes under this name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise


@functools.cache
def import_installed_plugins() -> tuple[str, ...]:
    """Imports, once, the modules that installed packages name as entry points of GROUP.

    One that fails is named on stderr, with its own traceback; the others are still imported.

    Returns:
        the packages with a module that failed, such as 'my-heads 1.0'.
    """
    from importlib.metadata import entry_points  # 40 ms, and most runs need none

    failed = []
    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception:
            package = f'{entry.dist.name} {entry.dist.version}'
            failed.append(package)
            print(
                f"plugin package {package}: its entry point '{entry.name}' cannot import "
                f"'{entry.value}':\n{traceback.format_exc()}",
                file=sys.stderr,
            )
    return tuple(failed)
