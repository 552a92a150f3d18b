// SPDX-License-Identifier: MIT
//
// The settings pages of a board's flash as a program on the PC holds them: for tests that prepare a board
// or look into it.

#ifndef TESTS_BOARD_PAGES_H
#define TESTS_BOARD_PAGES_H

#include "settings/settings.h"

// Sectors 1 and 2 of the default map.
#define PAGES_OFF        0x4000u
#define PAGES_PAGE_BYTES 16384u

// Two pages in memory, beginning at `pages`.
struct settings_flash pages_at(uint8_t *pages);

#endif
