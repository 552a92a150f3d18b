# SPDX-License-Identifier: MIT
redfu_test(NAME board/skip SOURCES board/skip.c LIBRARIES board_host board_pages TIMEOUT 300 LABELS long)
