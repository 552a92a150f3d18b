# SPDX-License-Identifier: MIT
add_library(desk STATIC ${CMAKE_CURRENT_SOURCE_DIR}/unit/desk.c)
target_link_libraries(desk PUBLIC core PkgConfig::CMOCKA)
redfu_test(NAME unit/core_dfu SOURCES unit/core_dfu.c LIBRARIES desk)
