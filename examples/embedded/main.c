/* Read a wav file (16 bits, one channel, 8 kHz) and print the digit that is spoken in it. */
#include "digits.h"

#include <stdio.h>
#include <string.h>

#define MOST (10 * DIGITS_SAMPLE_RATE)

static unsigned char bytes[44 + 2 * MOST];
static float samples[MOST];
static struct digits_recording recording;
static struct digits_state state;

static unsigned long number(const unsigned char *at, int n)
{
    return n ? at[0] + 256 * number(at + 1, n - 1) : 0;
}

int main(int argc, char **argv)
{
    digits_input x[DIGITS_N_INPUTS];
    digits_output y[DIGITS_N_OUTPUTS];
    size_t n_bytes, at = 12, n, t;
    int k, best = 0;
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file)
        return fprintf(stderr, "usage: %s recording.wav\n", argv[0]), 2;
    n_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (n_bytes < 44 || memcmp(bytes, "RIFF", 4) || number(bytes + 24, 4) != DIGITS_SAMPLE_RATE ||
        number(bytes + 22, 2) != 1 || number(bytes + 34, 2) != 16)
        return fprintf(stderr, "%s is no wav of 16 bits, one channel, %d Hz\n", argv[1], DIGITS_SAMPLE_RATE), 2;
    while (at + 8 < n_bytes && memcmp(bytes + at, "data", 4))
        at += 8 + number(bytes + at + 4, 4);
    for (n = 0, at += 8; at + 1 < n_bytes && n < MOST; ++n, at += 2)
        samples[n] = (float)(int16_t)number(bytes + at, 2) / 32768.0f;
    if (!digits_listen(&recording, samples, n))
        return fprintf(stderr, "%s is too short, or silent\n", argv[1]), 1;
    digits_init(&state);
    for (t = 0; t < recording.n_frames; ++t) {
        digits_features(&recording, t, x);
        digits_step(&state, x, y);
    }
    for (k = 1; k < DIGITS_N_OUTPUTS; ++k)
        best = y[k] > y[best] ? k : best;
    return printf("%d\n", best), 0;
}
