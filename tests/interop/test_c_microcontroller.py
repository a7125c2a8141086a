"""Networks as C on a microcontroller: compiled for a Cortex-M4, without any library, and run by an emulator."""

import shutil
import subprocess

import numpy as np
import pytest
from networks_in_c import STACKS, STRICT, network, ragged

from rnnbp.interop.c.exporting import render
from rnnbp.interop.c.text import array

COMPILER = "arm-none-eabi-gcc"
EMULATOR = next(filter(shutil.which, ("qemu-arm", "qemu-arm-static")), None)
OPTIONS = ("-std=gnu99", "-O2", "-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
# a processor with single precision only would compute what is promoted to double in software
WARNINGS = (*STRICT, "-Wdouble-promotion")
# neither a program's start nor memcpy are there without a library; what is written goes out by a call of Linux, the
# emulator's host
ALONE = ("-nostdlib", "-static", "-fomit-frame-pointer", "-fno-tree-loop-distribute-patterns")
PROGRAM = """
#include "model.h"

%s
static struct model_state s;
static model_output y[N_STEPS * MODEL_N_OUTPUTS];

void *memcpy(void *to, const void *from, size_t n)
{
    unsigned char *a = to;
    const unsigned char *b = from;
    while (n--)
        *a++ = *b++;
    return to;
}

void *memset(void *to, int value, size_t n)
{
    unsigned char *a = to;
    while (n--)
        *a++ = (unsigned char)value;
    return to;
}

static void call(long number, long a, long b, long c)
{
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    __asm__ volatile("svc 0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
}

void _start(void);
void _start(void)
{
    size_t n;
    model_init(&s);
    n = model_run(&s, x, N_STEPS, y);
    call(4, 1, (long)y, (long)(n * MODEL_N_OUTPUTS * sizeof *y));
    call(1, 0, 0, 0);
    for (;;)
        ;
}
"""


@pytest.mark.skipif(not shutil.which(COMPILER), reason=f"there is no {COMPILER}")
@pytest.mark.parametrize(("tolerance", "quantize"), [(1e-6, None), (5e-2, "int8")])
@pytest.mark.parametrize("name", ["LSTM with peepholes, 37 units", "a cell of a user's", "all that streams"])
def test_a_network_runs_on_a_microcontroller(name, quantize, tolerance, tmp_path):
    net = network(STACKS[name])
    sequences = ragged(net)
    options = {} if quantize is None else {"quantize": quantize, "calibration": sequences}
    (tmp_path / "model.h").write_text(render(net, "model", **options))
    frames = sequences[3]
    given = f"#define N_STEPS {len(frames)}\n\n{array('x', frames.astype(np.float32))}"
    (tmp_path / "main.c").write_text(PROGRAM % given)
    command = [COMPILER, *OPTIONS, *WARNINGS, *ALONE, "main.c", "-o", "main.elf", "-lgcc"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    if EMULATOR is None:
        pytest.skip("it compiles, but there is no qemu-arm to run it")
    done = subprocess.run([EMULATOR, "-cpu", "max", "main.elf"], cwd=tmp_path, capture_output=True, check=True)
    expected = net.stream().push(frames)
    difference = np.abs(np.frombuffer(done.stdout, np.float32).reshape(expected.shape) - expected).max()
    assert difference < tolerance * np.abs(expected).max()
