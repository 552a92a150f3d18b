# SPDX-License-Identifier: MIT
#
# Debian's gdb at vboard's port; its packets one by one are in unit/gdb.

add_test(NAME host/gdb COMMAND ${CMAKE_CURRENT_LIST_DIR}/gdb_multiarch.sh $<TARGET_FILE:vboard>
    ${CMAKE_BINARY_DIR}/tests ${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery ${CMAKE_SOURCE_DIR}/docs)
set_tests_properties(host/gdb PROPERTIES TIMEOUT 300 SKIP_RETURN_CODE 77 LABELS e2e)
