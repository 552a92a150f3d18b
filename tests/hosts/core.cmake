# SPDX-License-Identifier: MIT
#
# desk_device: the scripts of doctor/ reach core/ by it.
add_library(desk_device STATIC ${CMAKE_CURRENT_LIST_DIR}/desk_device.c)
target_link_libraries(desk_device PUBLIC desk doctor core PkgConfig::CMOCKA)
redfu_test(NAME hosts/core SOURCES hosts/core.c LIBRARIES desk_device)
redfu_test(NAME hosts/conformance SOURCES hosts/conformance.c LIBRARIES desk_device)
