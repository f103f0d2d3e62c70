#include "variant_forms.h"

#include "attention/kernel_variants.h"
#include "gpu/device_internal.h"

static octavo_kernel_source source_of(const char *variant) {
    return octavo_kernel_variant_named(variant)->source;
}

bool variant_has_form(const char *variant, unsigned form) {
    return form == 0 || source_of(variant) == OCTAVO_KERNEL_WALK;
}

const char *variant_tuning(const octavo_device *device, const char *variant, unsigned form) {
    static const char *const walks[2][VARIANT_FORMS] = {
        {"dispatches=1 lanes=32\ndispatches=1", "dispatches=3"},
        {"rows=2 dispatches=1 lanes=32\nrows=2 dispatches=1", "rows=2 dispatches=3"}};
    bool is_processor = device->snapshot.type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    switch (source_of(variant)) {
    case OCTAVO_KERNEL_WALK:
        return walks[is_processor][form];
    case OCTAVO_KERNEL_PREFILL:
        return is_processor ? "rows=8" : NULL;
    default:
        return NULL;
    }
}
