"""Routines of a header that are written by hand: what looks at a number's bits, and loops over arrays.

``$$number`` stands for float or double, ``$$stem`` for what names begin with; see `elementwise.Functions`.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROUTINES", "Routine"]


@dataclass(frozen=True)
class Routine:
    """A function of C, and the others that it calls.

    Attributes
    ----------
    text : str
    needs : tuple of str
    """

    text: str
    needs: tuple[str, ...] = ()


ROUTINES = {
    "of_bits": Routine("""
static inline $number ${stem}_of_bits($unsigned bits)
{
    $number x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
"""),
    "bits": Routine("""
static inline $unsigned ${stem}_bits($number x)
{
    $unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
"""),
    "infinity": Routine(
        """
static inline $number ${stem}_infinity(void)
{
    return ${stem}_of_bits(($unsigned)(2${suffix} * ${bias}${suffix} + 1${suffix}) << $fraction);
}
""",
        ("of_bits",),
    ),
    "not_a_number": Routine(
        """
static inline $number ${stem}_not_a_number(void)
{
    return ${stem}_of_bits(($unsigned)(4${suffix} * ${bias}${suffix} + 3${suffix}) << ($fraction - 1));
}
""",
        ("of_bits",),
    ),
    "select": Routine(
        """
/* x where the condition is 1, y where it is 0: without a branch, so that loops become vector code. */
static inline $number ${stem}_select(int condition, $number x, $number y)
{
    const $unsigned mask = ($unsigned)0 - ($unsigned)condition;
    return ${stem}_of_bits((${stem}_bits(x) & mask) | (${stem}_bits(y) & ~mask));
}
""",
        ("bits", "of_bits"),
    ),
    "absolute": Routine(
        """
static inline $number ${stem}_absolute($number x)
{
    return ${stem}_of_bits(${stem}_bits(x) & (~($unsigned)0 >> 1));
}
""",
        ("bits", "of_bits"),
    ),
    "maximum": Routine(
        """
static inline $number ${stem}_maximum($number x, $number y)
{
    return ${stem}_select(x < y, y, x);
}
""",
        ("select",),
    ),
    "minimum": Routine(
        """
static inline $number ${stem}_minimum($number x, $number y)
{
    return ${stem}_select(x > y, y, x);
}
""",
        ("select",),
    ),
    "round": Routine("""
/* The nearest whole number, of two the even one: a sum with so large a number has no places for a fraction. */
static inline $number ${stem}_round($number x)
{
    const $number shifted = x + $magic;
    return shifted - $magic;
}
"""),
    "power_of_two": Routine(
        """
/* 2^n for a whole n: the sum has the exponent in its lowest bits. */
static inline $number ${stem}_power_of_two($number n)
{
    const $number shifted = n + ($magic + $bias);
    return ${stem}_of_bits(${stem}_bits(shifted) << $fraction);
}
""",
        ("bits", "of_bits"),
    ),
    "mantissa": Routine(
        """
static inline $number ${stem}_mantissa($number x)
{
    const $unsigned one = 1;
    return ${stem}_of_bits((${stem}_bits(x) & ((one << $fraction) - one)) | (($unsigned)$bias << $fraction));
}
""",
        ("bits", "of_bits"),
    ),
    "exponent": Routine(
        """
static inline $number ${stem}_exponent($number x)
{
    const $unsigned biased = (${stem}_bits(x) >> $fraction) & (2 * $bias + 1);
    return ($number)((int32_t)biased - $bias);
}
""",
        ("bits",),
    ),
    "add_product": Routine("""
/* z += x W for n numbers x and W of shape (n, width). */
static inline void ${stem}_add_product(const $number *$RESTRICT x, int n, const $number *$RESTRICT w,
                                       $number *$RESTRICT z, int width)
{
    int j, k;
    for (k = 0; k < n / 8; ++k, x += 8, w += 8 * width)
        for (j = 0; j < width; ++j)
            z[j] += ((x[0] * w[j] + x[1] * w[width + j]) + (x[2] * w[2 * width + j] + x[3] * w[3 * width + j]))
                    + ((x[4] * w[4 * width + j] + x[5] * w[5 * width + j])
                       + (x[6] * w[6 * width + j] + x[7] * w[7 * width + j]));
    for (k = 0; k < n % 8; ++k, w += width)
        for (j = 0; j < width; ++j)
            z[j] += x[k] * w[j];
}
"""),
    "to_whole": Routine(
        """
/* q = x / step, rounded, and cut off at the ends of 16 bits. */
static inline void ${stem}_to_whole(const $number *$RESTRICT x, int n, $number inverse, int16_t *$RESTRICT q)
{
    int j;
    for (j = 0; j < n; ++j)
        q[j] = (int16_t)${stem}_round(${stem}_maximum(${stem}_minimum(x[j] * inverse, 32767), -32767));
}
""",
        ("round", "maximum", "minimum"),
    ),
    "add_whole_product": Routine("""
/* z += scale * (x W) for n whole numbers x, at most 512, and W, whose transpose of shape (width, n) is held. */
static inline void ${stem}_add_whole_product(const int16_t *$RESTRICT x, int n, const int8_t *$RESTRICT w,
                                             const $number *$RESTRICT scale, $number *$RESTRICT z, int width)
{
    int j, k;
    for (j = 0; j < width; ++j, w += n) {
        int32_t total = 0;
        for (k = 0; k < n; ++k)
            total += (int32_t)x[k] * w[k];
        z[j] += scale[j] * ($number)total;
    }
}
"""),
    "sum": Routine("""
/* The sum, in eight parts, which round less than one. */
static inline $number ${stem}_sum(const $number *x, int n)
{
    $number part[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    int i, j;
    for (j = 0; j < n / 8; ++j, x += 8)
        for (i = 0; i < 8; ++i)
            part[i] += x[i];
    for (i = 0; i < n % 8; ++i)
        part[i] += x[i];
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}
"""),
    "standardize": Routine(
        """
/* u = (x - mean x) / sqrt(var x + 1e-5) for n numbers; x may be u. */
static inline void ${stem}_standardize(const $number *x, int n, $number *u)
{
    const $number mean = ${stem}_sum(x, n) / ($number)n;
    $number part[8] = {0, 0, 0, 0, 0, 0, 0, 0}, scale;
    int j;
    for (j = 0; j < n; ++j) {
        u[j] = x[j] - mean;
        part[j % 8] += u[j] * u[j];
    }
    scale = 1 / ${stem}_sqrt(${stem}_sum(part, 8) / ($number)n + 1e-5$f);
    for (j = 0; j < n; ++j)
        u[j] *= scale;
}
""",
        ("sum", "sqrt"),
    ),
    "softmax": Routine(
        """
/* y = e^z / sum e^z for n numbers; z may be y. */
static inline void ${stem}_softmax(const $number *z, int n, $number *y)
{
    $number largest = z[0], total;
    int j;
    for (j = 1; j < n; ++j)
        largest = ${stem}_maximum(largest, z[j]);
    for (j = 0; j < n; ++j)
        y[j] = ${stem}_exp(z[j] - largest);
    total = ${stem}_sum(y, n);
    for (j = 0; j < n; ++j)
        y[j] /= total;
}
""",
        ("maximum", "exp", "sum"),
    ),
}
