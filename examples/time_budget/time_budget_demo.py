# The demo SSD for five minutes:
#   pip install examples/time_budget
#   python tools/train.py examples/time_budget/time_budget_demo.py
_base_ = '../../configs/ssd/ssd_demo.py'
custom_hooks = [
    dict(type='EMAHook', momentum=0.01),  # as in the base: a list replaces the base's list
    dict(type='TimeBudgetHook', hours=5 / 60),
]
