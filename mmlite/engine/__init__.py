"""Training and testing: mmengine's Runner around a detector, checkpoints, hooks.

Import the modules by name (`mmlite.engine.build`, `mmlite.checkpoints.loading`): the models need
the second and must not pull in the first.
"""
