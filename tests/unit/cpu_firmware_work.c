// SPDX-License-Identifier: MIT
//
// Work for a processor, compiled for the host and for the Cortex-M4 alike: sorting, 64-bit
// division, floating point (soft or the FPU's), strings, bit fields, varargs printf. Both must write the same text. Types
// have fixed sizes, nothing depends on the width of long or on char's sign. Compiled with
// -ffp-contract=off: products are rounded before they are added, unless fmaf() says otherwise.

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char work_text[1024];
static unsigned length;
static uint32_t seed = 12345;

void work(void);

static void put(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    length += (unsigned)vsnprintf(work_text + length, sizeof work_text - length, format, arguments);
    va_end(arguments);
}

static uint32_t next(void) {
    seed = seed * 1664525u + 1013904223u;
    return seed >> 3;
}

static int compare(const void *a, const void *b) {
    int32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static uint32_t crc(const void *data, size_t len) {
    const uint8_t *byte = data;
    uint32_t value = ~0u;
    while (len--) {
        value ^= *byte++;
        for (int i = 0; i < 8; i++) {
            value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        }
    }
    return ~value;
}

static int32_t choose(int32_t x) { // becomes a table branch
    switch (x) {
    case 0:
        return 5;
    case 1:
        return 9;
    case 2:
        return 77;
    case 3:
        return -3;
    case 4:
        return 12;
    case 5:
        return 1000;
    case 6:
        return 4;
    default:
        return x * 3;
    }
}

static void numbers(void) {
    static int32_t values[300];
    for (int i = 0; i < 300; i++) {
        values[i] = (int32_t)next() - (1 << 28);
    }
    qsort(values, 300, sizeof values[0], compare);
    put("sorted %08x\n", (unsigned)crc(values, sizeof values));
    uint64_t quotients = 0;
    int64_t remainders = 0;
    for (unsigned i = 1; i < 100; i++) {
        uint64_t a = (uint64_t)next() << 33 | next(), b = next() | 1;
        quotients = quotients * 31 + a / b;
        quotients ^= a << (i & 31) >> (i & 7);
        remainders ^= ((int64_t)a - (1ll << 60)) % (int64_t)(b >> 5 | 1);
    }
    put("divided %08x%08x %08x\n", (unsigned)(quotients >> 32), (unsigned)quotients,
        (unsigned)remainders);
    double d = 1;
    float f = 1;
    for (int i = 1; i < 100; i++) {
        d = d * 1.01 + 1.0 / i;
        f = f * 0.5f + (float)i / 4.0f;
    }
    put("floats %.12g %.6g %d %u\n", d, (double)f, (int)(d * 1000), (unsigned)f);
    int32_t sum = 0;
    for (int32_t i = -3; i < 9; i++) {
        sum = sum * 5 + choose(i);
    }
    put("chosen %d\n", (int)sum);
}

// A low-pass filter, a determinant, a series, square roots, conversions: bit patterns are compared.
static void singles(void) {
    static float values[200];
    float x1 = 0, x2 = 0, y1 = 0, y2 = 0, sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        float x = (float)(int32_t)(next() - (1u << 28)) / 65536.0f;
        float y = 0.0675f * x + 0.1349f * x1 + 0.0675f * x2 + 1.143f * y1 - 0.4128f * y2;
        x2 = x1, x1 = x, y2 = y1, y1 = y;
        values[i] = y > 0 ? sqrtf(y) : -sqrtf(-y) / 3.0f;
        sum = fmaf(y, 0.25f, sum);
    }
    put("filtered %08x %.7g\n", (unsigned)crc(values, sizeof values), (double)sum);
    float m[4][4], determinant = 1;
    for (unsigned i = 0; i < 16; i++) {
        m[i / 4][i % 4] = (float)(next() & 1023) - 511.5f;
    }
    for (unsigned k = 0; k < 4; k++) {
        determinant *= m[k][k];
        for (unsigned i = k + 1; i < 4; i++) {
            float factor = m[i][k] / m[k][k];
            for (unsigned j = k; j < 4; j++) {
                m[i][j] -= factor * m[k][j];
            }
        }
    }
    float term = 1, e = 1;
    for (unsigned i = 1; i < 20; i++) {
        e += term /= (float)i;
    }
    uint32_t mixed = 0;
    for (unsigned i = 0; i < 100; i++) {
        float f = (float)next() * 0.00037f - 40000.0f;
        mixed = mixed * 31 + (uint32_t)(int32_t)f + (f > 1000.0f) + (uint32_t)fabsf(f * 8.0f);
        mixed ^= (uint16_t)(int16_t)(f / 4.0f);
    }
    float tiny = 1, huge = 1;
    for (unsigned i = 0; i < 140; i++) {
        tiny *= 0.5f, huge *= 2.0f;
    }
    put("singles %.8g %.8g %08x %.8g %d\n", (double)determinant, (double)e, (unsigned)mixed,
        (double)tiny, huge > 3.4e38f);
}

static void texts(void) {
    char text[64] = "hello ";
    strcat(text, "world of thumb");
    put("%d %s %c %d\n", (int)strlen(text), strstr(text, "of"), *strchr(text, 'w'),
        strcmp(text, "hello zzz") < 0);
    memmove(text + 3, text, 20);
    put("%.23s %5d|%-6s|%08x|%o|%e\n", text, -42, "ab", 0xdeadbeefu, 0777u, 1e-10);
    struct {
        unsigned a : 5, b : 11;
        signed c : 9;
        int16_t d;
        int8_t e[7];
    } record;
    int32_t mixed = 0;
    for (int i = 0; i < 10; i++) {
        record.a = next() & 31;
        record.b = next() & 2047;
        record.c = (int)(next() & 255) - 128;
        record.d = (int16_t)next();
        record.e[i % 7] = (int8_t)next();
        mixed = (mixed * 17 + (int)record.a + (int)record.b * 3 + record.c * 5 + record.d +
                 record.e[i % 7]) &
                0xffffff;
    }
    put("mixed %d\n", (int)mixed);
}

void work(void) {
    numbers();
    singles();
    texts();
}
