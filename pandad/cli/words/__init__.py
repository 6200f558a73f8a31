"""What can be said to each verb whose work needs Twisted, PostgreSQL or a lot else: its parser, which imports none of that.

A module here is that of the same name in `pandad.cli`; its `run` imports that one.
"""
