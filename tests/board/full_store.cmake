# SPDX-License-Identifier: MIT
redfu_test(NAME board/full_store SOURCES board/full_store.c LIBRARIES board_host board_pages)
