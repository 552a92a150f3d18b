# SPDX-License-Identifier: MIT
#
# Host programs against redfu-boot, cell by cell; script/interop runs the whole matrix.
add_executable(interop ${CMAKE_CURRENT_LIST_DIR}/matrix.c ${CMAKE_CURRENT_LIST_DIR}/programs.c
    ${CMAKE_CURRENT_LIST_DIR}/scripts.c ${CMAKE_SOURCE_DIR}/tests/board/cable_device.c)
set_target_properties(interop PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
target_link_libraries(interop PRIVATE board_host doctor)
file(RELATIVE_PATH build_name ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR})
redfu_runs(interop NEEDS vboard-preload)
target_compile_definitions(interop PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}" BUILD_NAME="${build_name}")
add_test(NAME interop/quick COMMAND interop quick)
set_tests_properties(interop/quick PROPERTIES LABELS "e2e;long" TIMEOUT 600 RESOURCE_LOCK fwupdtool)
# The cell of a browser by itself: it takes seconds of the wall clock.
add_test(NAME interop/browser COMMAND interop cell "webdfu 1.0.5 in Chromium" "first load" OTG_FS)
set_tests_properties(interop/browser PROPERTIES LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77)
add_test(NAME browser/landing COMMAND ${CMAKE_SOURCE_DIR}/tests/browser/landing.sh $<TARGET_FILE:vboard>
    ${CMAKE_BINARY_DIR}/firmware/stm32f4-product ${CMAKE_BINARY_DIR}/webusb)
set_tests_properties(browser/landing PROPERTIES LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77)
set_tests_properties(interop/browser browser/landing PROPERTIES RESOURCE_LOCK webusb) # fetched by whoever is first
