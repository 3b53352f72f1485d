"""The folder that a run writes into: it can be written, and one training has it at a time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.errors import ConfigError

NAME = '.lock'
_BEAT = 30  # seconds between two signs of life
_ON_WINDOWS = os.name == 'nt'
_DEAD = 600  # seconds without one, after which a run on another machine counts as dead


def make_work_dir(path: str | Path) -> None:
    """Makes the folder where it is missing, and checks that files can be written into it.

    Raises:
        ConfigError: a file is in the way, or there is no permission.
    """
    folder = Path(path)
    for part in (folder, *folder.parents):
        if part.exists() and not part.is_dir():
            raise ConfigError(
                f'work dir {folder}: {part} is a file, and a folder is expected; go on with '
                'another --work-dir'
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f'.trial.{os.getpid()}'
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise ConfigError(
            f'work dir {folder}: nothing can be written there ({error.strerror}); go on with '
            'another --work-dir'
        ) from error


class WorkDirLock(Hook):
    """Keeps other trainings out of a work dir, from `take` to `close`.

    A file `.lock` in it names the process. It is touched now and then: a lock whose process has
    died, or which nobody has touched for ten minutes on another machine or on Windows, is taken
    over, and so is that of the same job of Slurm on another machine.

    Args:
        work_dir: the folder; it exists.
    """

    def __init__(self, work_dir: str | Path) -> None:
        self.path = Path(work_dir) / NAME
        self._taken = False
        self._touched = 0.0

    def take(self) -> WorkDirLock:
        """Takes the lock.

        Raises:
            ConfigError: another run has it, and lives.
        """
        while True:
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                break
            except FileExistsError:
                self._refuse_or_remove()
        with open(handle, 'w', encoding='utf-8') as file:
            json.dump(_this_process(), file)
        self._taken, self._touched = True, time.monotonic()
        return self

    def close(self) -> None:
        """Gives the lock back; the Runner calls this however a training ends."""
        if self._taken and _content(self.path) == _this_process():
            self.path.unlink(missing_ok=True)
        self._taken = False

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self._touch()

    def after_val_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        self._touch()

    def _touch(self) -> None:
        if time.monotonic() - self._touched > _BEAT:
            self._touched = time.monotonic()
            with contextlib.suppress(OSError):  # somebody has removed it: their business
                os.utime(self.path)

    def _refuse_or_remove(self) -> None:
        holder = _content(self.path)
        silent = _silent_for(self.path)
        if holder is None or silent is None:  # gone in between
            return
        if _lives(holder, silent):
            who = f'process {holder.get("pid", "?")} on {holder.get("host", "?")}'
            raise ConfigError(
                f'work dir {self.path.parent}: another run is writing into it ({who}, sign of life '
                f'{silent:.0f} s ago). Go on with another --work-dir; if that run is dead, remove '
                f'{self.path}'
            )
        # by its new name: should somebody else have taken it over by now, theirs stays
        stale = self.path.with_name(f'{NAME}.stale.{os.getpid()}')
        with contextlib.suppress(FileNotFoundError):
            os.replace(self.path, stale)
            if _content(stale) != holder:
                os.replace(stale, self.path)
            stale.unlink(missing_ok=True)


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    job = os.environ.get('SLURM_JOB_ID')
    return dict(pid=pid, host=socket.gethostname(), started=_started(pid), job=job)


def _content(path: Path) -> dict[str, Any] | None:
    """What a lock holds; nothing known where it is being written, None where it is gone."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except FileNotFoundError:
        return None
    except (ValueError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def _silent_for(path: Path) -> float | None:
    """Seconds since a lock was touched, by the clock of the disk; None where it is gone."""
    now = path.with_name(f'{NAME}.now.{os.getpid()}')
    try:
        now.touch()
        return now.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return None
    finally:
        now.unlink(missing_ok=True)


def _lives(holder: dict[str, Any], silent: float) -> bool:
    pid, job = holder.get('pid'), holder.get('job')
    if holder.get('host') != socket.gethostname() or not isinstance(pid, int):
        # Slurm puts a job whose machine has failed back into the queue: it runs here now
        is_this_job = job is not None and job == os.environ.get('SLURM_JOB_ID')
        return silent < _DEAD and not is_this_job
    if pid == os.getpid():  # a run of this very process, before this one
        return False
    started = _started(pid)
    if started is not None or Path('/proc/self/stat').exists():
        return started is not None and started == holder.get('started')
    if _ON_WINDOWS:  # there, os.kill(pid, 0) is Ctrl-C
        return silent < _DEAD
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return silent < _DEAD  # nobody says whether the number was given to another process since


def _started(pid: int) -> str | None:
    """When a process was started, in Linux's ticks; None where it has ended or nobody says."""
    try:
        fields = Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rsplit(')', 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in 'ZX' else fields[19]
