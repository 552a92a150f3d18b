# SPDX-License-Identifier: MIT
add_library(desk STATIC ${CMAKE_CURRENT_SOURCE_DIR}/unit/desk.c)
target_link_libraries(desk PUBLIC core PkgConfig::CMOCKA)
redfu_test(NAME unit/core_dfu SOURCES unit/core_dfu.c LIBRARIES desk)
redfu_test(NAME unit/core_usbd SOURCES unit/core_usbd.c LIBRARIES desk)
redfu_test(NAME unit/core_boot SOURCES unit/core_boot.c LIBRARIES desk)
redfu_test(NAME unit/core_gate SOURCES unit/core_gate.c LIBRARIES desk)
redfu_test(NAME unit/core_gate_dead_hosts SOURCES unit/core_gate_dead_hosts.c LIBRARIES desk)
