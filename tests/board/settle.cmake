# SPDX-License-Identifier: MIT
redfu_test(NAME board/settle SOURCES board/settle.c LIBRARIES board_host board_pages)
