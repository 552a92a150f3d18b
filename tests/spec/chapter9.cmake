# SPDX-License-Identifier: MIT
redfu_test(NAME spec/chapter9 SOURCES spec/chapter9.c spec/chapter9_core.c LIBRARIES desk)
