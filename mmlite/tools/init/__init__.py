"""From a folder of annotated pictures to a config: what is in it, its split, a model that fits.

`start.init` calls the rest: `layouts/` finds the data sets, `odd` looks at them, `split` makes two
parts of one, `choice` chooses the model and `config` writes it down.
"""
