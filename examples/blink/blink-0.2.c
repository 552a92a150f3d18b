// SPDX-License-Identifier: MIT
//
// blink 0.2: the green LED flashes three times in quick succession each second (100 ms on, 100 ms
// off, the rest dark), and the blue one breathes: ten breaths of different depth in 20.48 s, one
// precomputed brightness a millisecond. The table makes this an image of about 40 KB, like
// the one in the report that started this project, and every entry of it is played.

#include "examples/blink/blink.h"

// Found by tools that look into the image; the program does not need it.
__attribute__((section(".version"), used)) static const char version[] = "redfu blink 0.2";

// The blue LED is lit in a share of the ticks: at 2 kHz and the table's smallest share of
// 1/16 it flickers at 125 Hz, which the eye does not see.
#define TICKS_PER_MS 2u
const uint32_t show_ticks_per_second = 1000u * TICKS_PER_MS;

#define BREATHS       10u
#define BREATH_MS     2048u
#define LEVEL_MIN     4096u // of 65536
#define LEVEL_SPAN    (65535u - LEVEL_MIN)
#define BREATH_MIDDLE (BREATH_MS / 2u)

// Brightness at millisecond i, by arithmetic the compiler does: a triangle over each breath,
// rounded by 3x^2 - 2x^3, squared because the eye sees ratios, scaled by the breath's depth.
#define TRIANGLE(i)                                                                                \
    ((i) % BREATH_MS < BREATH_MIDDLE ? (i) % BREATH_MS : BREATH_MS - 1u - (i) % BREATH_MS)
#define ROUNDED(t) ((t) * (t) * (3ull * BREATH_MIDDLE - 2ull * (t)) / BREATH_MIDDLE / BREATH_MIDDLE)
#define SQUARED(s) ((s) * (s) / BREATH_MIDDLE)
// Depths 10/10, 3/10, 6/10, 9/10, 2/10 ...: a step of 3 visits each of ten once.
#define DEPTH(i)   ((i) / BREATH_MS * 3u % BREATHS == 0 ? BREATHS : (i) / BREATH_MS * 3u % BREATHS)
#define LEVEL(i)                                                                                   \
    (uint16_t)(LEVEL_MIN +                                                                         \
               LEVEL_SPAN * SQUARED(ROUNDED(TRIANGLE(i))) * DEPTH(i) / BREATHS / BREATH_MIDDLE)

#define LEVELS_4(i)  LEVEL(i), LEVEL((i) + 1u), LEVEL((i) + 2u), LEVEL((i) + 3u)
#define LEVELS_16(i) LEVELS_4(i), LEVELS_4((i) + 4u), LEVELS_4((i) + 8u), LEVELS_4((i) + 12u)
#define LEVELS_64(i) LEVELS_16(i), LEVELS_16((i) + 16u), LEVELS_16((i) + 32u), LEVELS_16((i) + 48u)
#define LEVELS_256(i)                                                                              \
    LEVELS_64(i), LEVELS_64((i) + 64u), LEVELS_64((i) + 128u), LEVELS_64((i) + 192u)
#define LEVELS_1024(i)                                                                             \
    LEVELS_256(i), LEVELS_256((i) + 256u), LEVELS_256((i) + 512u), LEVELS_256((i) + 768u)
#define LEVELS_BREATH(n) LEVELS_1024((n)*BREATH_MS), LEVELS_1024((n)*BREATH_MS + BREATH_MIDDLE)

static const uint16_t levels[BREATHS * BREATH_MS] = {
    LEVELS_BREATH(0u), LEVELS_BREATH(1u), LEVELS_BREATH(2u), LEVELS_BREATH(3u), LEVELS_BREATH(4u),
    LEVELS_BREATH(5u), LEVELS_BREATH(6u), LEVELS_BREATH(7u), LEVELS_BREATH(8u), LEVELS_BREATH(9u),
};

static void show_flashes(uint32_t ms) {
    switch (ms % 1000u) {
    case 0:
    case 200:
    case 400:
        led_set(LED_GREEN, 1);
        break;
    case 100:
    case 300:
    case 500:
        led_set(LED_GREEN, 0);
        break;
    default:
        break;
    }
}

// First-order sigma-delta: the share of lit ticks follows the level.
static void show_breath(uint32_t ms) {
    static uint32_t owed;
    owed += levels[ms % (BREATHS * BREATH_MS)];
    led_set(LED_BLUE, owed >= 65536u);
    owed %= 65536u;
}

void show_tick(uint32_t tick) {
    uint32_t ms = tick / TICKS_PER_MS;
    if (tick % TICKS_PER_MS == 0) {
        show_flashes(ms);
    }
    show_breath(ms);
}
