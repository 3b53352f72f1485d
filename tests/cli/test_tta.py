"""`tools/test.py --tta`."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.evaluation import load_results
from tests.runs import TINY, cli


@pytest.mark.parametrize('workers', [0, 1])
def test_the_command(trained, tmp_path, workers):
    """Mirrored versions change the results, but the images are all there."""
    results = {}
    for name, args in dict(plain=[], tta=['--tta']).items():
        out = tmp_path / f'{name}.pkl'
        ended = cli(
            *('test', TINY, trained[1] / 'epoch_2.pth', '--work-dir', tmp_path / name),
            *('--out', out, *args),
            *('--cfg-options', f'test_dataloader.num_workers={workers}'),
            'test_dataloader.batch_size=3',
        )
        assert ended.status == 0, ended.err
        assert ended.out.splitlines()[-1].startswith('pascal_voc/mAP: ')
        results[name] = load_results(out, 6, 5)
    assert len(results['plain']) == len(results['tta'])
    assert not all(
        np.array_equal(a, b)
        for plain, tta in zip(*results.values(), strict=True)
        for a, b in zip(plain, tta, strict=True)
    )
