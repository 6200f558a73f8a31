"""What is wrong with an installation, seen from outside: looks that change nothing, and what each may find.

A look is a function from an `Installation` to findings; `configuration` lists those of `pandad check`, `examination` all of them,
and runs them. What a finding means and what to do about it stands on its `Fault`, of which the page docs/reference/checks.md is
made.
"""
