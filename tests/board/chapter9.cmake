# SPDX-License-Identifier: MIT
redfu_test(NAME board/chapter9 SOURCES board/chapter9.c spec/chapter9.c LIBRARIES board_host)
redfu_test(NAME board/product SOURCES board/product.c LIBRARIES board_host)
