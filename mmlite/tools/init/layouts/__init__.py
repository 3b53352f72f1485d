"""The layouts that `init` recognises: a module for each, with find(source) -> Layout | None."""
