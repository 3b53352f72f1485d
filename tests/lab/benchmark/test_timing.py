from __future__ import annotations

from lab.benchmark.timing import median_seconds


def test_cases_run_alternately_and_medians_are_of_the_timed_runs(monkeypatch) -> None:
    called, clock = [], [0.0]
    lasting = dict(a=iter([9, 1, 5, 2]), b=iter([9, 4, 4, 8]))  # seconds; the first are warm-up

    def case(name: str):
        def run() -> None:
            called.append(name)
            clock[0] += next(lasting[name])

        return run

    monkeypatch.setattr('time.perf_counter', lambda: clock[0])
    found = median_seconds(dict(a=case('a'), b=case('b')), rounds=3)
    assert called == ['a', 'b'] * 4
    assert found == dict(a=2, b=4)
