#define _GNU_SOURCE /* dl_iterate_phdr */
#include "pin_libraries.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(HAS_ADDRESS_SANITIZER)
#define HAS_ADDRESS_SANITIZER 1
#endif

#if defined(HAS_ADDRESS_SANITIZER) && defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

enum { MAX_LIBRARIES = 256, NAME_BYTES = 1024 };

typedef struct library_names {
    char name[MAX_LIBRARIES][NAME_BYTES];
    int count;
} library_names;

static int note_name(struct dl_phdr_info *info, size_t size, void *user) {
    library_names *names = user;
    (void)size;
    if (info->dlpi_name && info->dlpi_name[0] && names->count < MAX_LIBRARIES) {
        snprintf(names->name[names->count++], NAME_BYTES, "%s", info->dlpi_name);
    }
    return 0;
}

void test_pin_libraries(void) {
    static library_names names;
    names.count = 0;
    dl_iterate_phdr(note_name, &names);
    for (int i = 0; i < names.count; i++) dlopen(names.name[i], RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

int test_has_address_sanitizer(void) {
    return 1;
}
#else
void test_pin_libraries(void) {
}

int test_has_address_sanitizer(void) {
    return 0;
}
#endif
