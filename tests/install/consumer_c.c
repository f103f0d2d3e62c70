/* An application in C that is built against an installed Octavo. */
#include <octavo/octavo.h>

#include <stdio.h>

int main(void) {
    uint32_t required = 0, recommended = 0;
    octavo_required_device_extensions(&required);
    const char *const *names = octavo_recommended_device_extensions(&recommended);
    printf("octavo %u: %s, %u required and %u recommended extensions, first %s\n", (unsigned)octavo_version(),
           octavo_status_string(OCTAVO_SUCCESS), (unsigned)required, (unsigned)recommended,
           recommended ? names[0] : "none");
    octavo_device_destroy(NULL);
    return octavo_version() != OCTAVO_VERSION_MAJOR * 1000000u + OCTAVO_VERSION_MINOR * 1000u + OCTAVO_VERSION_PATCH;
}
