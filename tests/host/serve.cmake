# SPDX-License-Identifier: MIT
#
# `vboard serve` and `vboard ctl` as programs. (With QEMU at the other end: tests/vm.)

redfu_test(NAME host/serve SOURCES ${CMAKE_CURRENT_LIST_DIR}/serve_test.c ${CMAKE_CURRENT_LIST_DIR}/shell.c TIMEOUT 180)
redfu_runs(test-host-serve BOARD stm32f4-discovery)
