/* Keeps libraries loaded to the end of the process. */
#ifndef OCTAVO_TEST_PIN_LIBRARIES_H
#define OCTAVO_TEST_PIN_LIBRARIES_H

/* LeakSanitizer knows the driver's own leaks by the name of its library, which is gone when the Vulkan loader has
 * unloaded it. Pins all libraries that are loaded now; does nothing without AddressSanitizer. */
void test_pin_libraries(void);

/* Whether the program is built with AddressSanitizer. */
int test_has_address_sanitizer(void);

#endif
