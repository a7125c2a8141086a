"""A program: instructions that are carried out one after the other, in one call.

An instruction is a kernel with its record, and the number of shares that it is done in. A kernel may stop the program
(`rnnbp.kernels.training`), so that what follows is left out.
"""

from __future__ import annotations

from rnnbp.kernels.language import address, call, flush_denormals, ints, restore_denormals, store_atomic
from rnnbp.kernels.records import Record
from rnnbp.kernels.workers import RUNNING, parallel

__all__ = ["Instruction", "ProgramRecord", "run_program"]


class Instruction(Record):
    """A kernel, the record it is given, and how many shares its work has."""

    kernel: address
    record: address
    n_shares: int


class ProgramRecord(Record):
    """Instructions, and whether other threads (of `pool`) take shares of them."""

    instructions: Instruction
    n: int
    stopped: int
    shared: int
    pool: ints


def run_program(program: ProgramRecord, first: int, stop: int):
    """Carry out some of the instructions."""
    mode = flush_denormals()
    if program.shared > 0:
        store_atomic(program.pool, RUNNING, 1)
    i = first
    while i < stop and program.stopped == 0:
        instruction = program.instructions[i]
        if program.shared > 0:
            parallel(program.pool, instruction.kernel, instruction.record, instruction.n_shares)
        else:
            for share in range(instruction.n_shares):
                call(instruction.kernel, instruction.record, share)
        i += 1
    if program.shared > 0:
        store_atomic(program.pool, RUNNING, 0)
    restore_denormals(mode)
