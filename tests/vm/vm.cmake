# SPDX-License-Identifier: MIT
#
# A real Linux in front of the board: script/test-vm, skipped where QEMU or the guest is missing.
# Alone at a time, because it runs at the wall clock's pace and takes both of two processors.

add_test(NAME vm/dfu
    COMMAND ${CMAKE_SOURCE_DIR}/script/test-vm --no-build --build-dir ${CMAKE_BINARY_DIR})
set_tests_properties(vm/dfu PROPERTIES LABELS vm TIMEOUT 600 SKIP_RETURN_CODE 77 RUN_SERIAL ON)
