// SPDX-License-Identifier: MIT
//
// The FPU's short way through the host's double precision against the long way in integers, on numbers drawn so that
// sums cancel, products meet the middle between two singles, and exponents lie at each of the short way's bounds: the
// same bits and the same flags wherever the short way answers.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

// For its statics: the functions outside choose between the two by themselves.
#include "vboard/cpu/fpu_arith.c"

#define CASES 2000000u

static uint64_t noise = 1;

static uint32_t draw(void) {
    noise = noise * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(noise >> 32);
}

// Few different exponents at a time, and fractions with few bits, runs of ones, or anything.
static uint32_t number(uint32_t near) {
    static const uint32_t edges[] = {0, 1, 2, 3, 127, 150, 252, 253, 254, 255};
    uint32_t exponent = draw() % 4 == 0 ? edges[draw() % 10] : near + draw() % 64 - 32;
    uint32_t fraction = draw() & 0x7fffff;
    switch (draw() % 4) {
    case 0:
        fraction &= 0x7fffffu << draw() % 23;
        break;
    case 1:
        fraction |= 0x7fffffu >> draw() % 23;
        break;
    case 2:
        fraction = 1u << draw() % 23;
        break;
    default:
        break;
    }
    return (draw() & FP_SIGN) | (exponent & 0xff) << 23 | fraction;
}

static unsigned answered;

static void agrees(const char *what, bool is_fast, uint32_t fast, uint32_t fast_flags,
                   uint32_t slow, uint32_t slow_flags, const uint32_t n[3]) {
    answered += is_fast;
    if (is_fast && (fast != slow || fast_flags != slow_flags)) {
        fail_msg("%s of %08x %08x %08x: %08x and FPSCR %08x, in integers %08x and %08x", what, n[0],
                 n[1], n[2], fast, fast_flags, slow, slow_flags);
    }
}

static void short_way_gives_what_the_long_way_gives(void **state) {
    (void)state;
    for (unsigned i = 0; i < CASES; i++) {
        uint32_t near = draw();
        const uint32_t n[3] = {number(near), number(near), number(draw() % 2 ? near : 127)};
        uint32_t settings = draw() & (FPSCR_FZ | FPSCR_DN | FPSCR_IXC);
        uint32_t fast, fast_flags = settings, slow, slow_flags = settings;
        bool is_fast = fpu_fast_add(&fast_flags, n[0], n[1], &fast);
        slow = add_any(&slow_flags, n[0], n[1]);
        agrees("sum", is_fast, fast, fast_flags, slow, slow_flags, n);

        fast_flags = slow_flags = settings;
        is_fast = fpu_fast_multiply(&fast_flags, n[0], n[2], &fast);
        slow = multiply_any(&slow_flags, n[0], n[2]);
        agrees("product", is_fast, fast, fast_flags, slow, slow_flags, n);

        fast_flags = slow_flags = settings;
        is_fast = fpu_fast_multiply_add(&fast_flags, n[0], n[1], n[2], &fast);
        slow = multiply_add_any(&slow_flags, n[0], n[1], n[2]);
        agrees("fused product", is_fast, fast, fast_flags, slow, slow_flags, n);
    }
    assert_true(answered > CASES); // of three times as many
}

static void other_rounding_takes_the_long_way(void **state) {
    (void)state;
    for (uint32_t mode = 1; mode < 4; mode++) {
        uint32_t fpscr = mode << 22, result;
        assert_false(fpu_fast_add(&fpscr, 0x3f800000, 0x3f800001, &result));
        assert_false(fpu_fast_multiply(&fpscr, 0x3f800000, 0x3f800001, &result));
        assert_false(fpu_fast_multiply_add(&fpscr, 0x3f800000, 0x3f800000, 0x3f800001, &result));
        assert_int_equal(fpscr, mode << 22);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_way_gives_what_the_long_way_gives),
        cmocka_unit_test(other_rounding_takes_the_long_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
