# SPDX-License-Identifier: MIT
#
# A board that is not in the list, by docs/porting.md alone; it builds firmware, into a folder of its own.
add_test(NAME host/porting COMMAND ${CMAKE_CURRENT_LIST_DIR}/porting.sh ${CMAKE_SOURCE_DIR})
set_tests_properties(host/porting PROPERTIES LABELS "e2e;long" TIMEOUT 400)
