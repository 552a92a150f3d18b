# SPDX-License-Identifier: MIT

redfu_test(NAME unit/fpu_fast SOURCES ${CMAKE_CURRENT_LIST_DIR}/fpu_fast.c)
target_compile_options(test-unit-fpu_fast PRIVATE -ffp-contract=off)
