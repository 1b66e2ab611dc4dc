"""Soak tests: random programs, compiled against plain eager evaluation.

    python -m tests.soak --minutes 10

`generate` writes a program as Python source, so that what fails is a script one can run;
`check` runs one program in all its ways and compares; `minimise` makes a failing program
small; `worker` runs a batch in a process of its own; `__main__` starts workers, so that a
crash of one is a result like any other; `leaks` watches memory.
"""
