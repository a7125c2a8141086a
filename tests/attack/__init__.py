"""Attacks: many wrong inputs, made from seeds, of which none may crash, hang, take much memory or give a wrong result.

    python -m tests.attack --hours 2                          # every kind, in turn
    python -m tests.attack --hours 1 recordings --seed 7      # one kind, other inputs

A kind of attack is a module of this folder with a docstring, which says what must hold, and

    LIMITS = Limits(seconds=..., megabytes=..., batch=...)    # of one case; how many in a process
    def case(seed: int, folder: pathlib.Path) -> str: ...

`case` makes the input of a seed (the same each time), uses it, and returns in a word or two what came of it, which is
counted. What must not happen it raises, as `Fault` or as anything else; warnings are errors. It may write into
`folder`, which other cases of the same process use too. `harness` does the rest: cases run in batches, each in a
process of its own, so that a crash or a hang is a finding with a seed and not the end.
"""
