# SPDX-License-Identifier: MIT
redfu_test(NAME unit/exam_cancel SOURCES unit/exam_cancel.c LIBRARIES doctor)
