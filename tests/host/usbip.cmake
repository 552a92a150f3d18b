# SPDX-License-Identifier: MIT
#
# Debian's usbip in front of vboard serve --usbip; the protocol, packet by packet, is in unit/usbip.

add_test(NAME host/usbip COMMAND ${CMAKE_CURRENT_LIST_DIR}/usbip_list.sh $<TARGET_FILE:vboard>
    ${CMAKE_BINARY_DIR}/firmware/stm32f4-discovery)
set_tests_properties(host/usbip PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
