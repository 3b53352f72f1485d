"""What tools/benchmark.py measures: a module for each verb, with `measure(...) -> Report`.

Each measures mmlite, a peer and a floor (what no implementation can do without) in one run, by
turns, so that a machine that slows down slows all of them. `docs/performance.md` holds results.
"""
