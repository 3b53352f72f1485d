"""What tools/benchmark.py measures: a module for each verb, with `measure(...) -> Report`.

Each measures mmlite, a peer and a floor (the work that no implementation can do without)
alternately in one run, so that a machine that slows down slows all of them.
`docs/performance.md` holds results.
"""
