# SPDX-License-Identifier: MIT
redfu_test(NAME spec/dfu_cells SOURCES spec/dfu_cells.c LIBRARIES desk)
