# SPDX-License-Identifier: MIT

redfu_test(NAME board/snapshot SOURCES board/snapshot.c LIBRARIES board_host)
redfu_test(NAME board/cut SOURCES board/cut.c LIBRARIES board_host)
