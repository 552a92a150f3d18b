# SPDX-License-Identifier: MIT
redfu_test(NAME unit/exam SOURCES unit/exam.c LIBRARIES doctor)
