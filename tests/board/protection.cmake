# SPDX-License-Identifier: MIT
redfu_test(NAME board/protection SOURCES board/protection.c LIBRARIES board_host board_pages TIMEOUT 300)
