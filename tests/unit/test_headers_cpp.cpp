// The public headers in C++17: the initialisers, and a call with C linkage.
#include <octavo/octavo.h>

#include <cstdio>

int main() {
    octavo_device_create_info create = OCTAVO_DEVICE_CREATE_INFO_INIT;
    octavo_device_import_info import = OCTAVO_DEVICE_IMPORT_INFO_INIT;
    octavo_cache_info cache = OCTAVO_CACHE_INFO_INIT;
    octavo_codec_info codec = OCTAVO_CODEC_INFO_INIT;
    octavo_append_info append = OCTAVO_APPEND_INFO_INIT;
    octavo_attention_info attention = OCTAVO_ATTENTION_INFO_INIT;
    octavo_attention_run run = OCTAVO_ATTENTION_RUN_INIT;
    const bool sizes = create.struct_size == sizeof create && import.struct_size == sizeof import &&
                       cache.struct_size == sizeof cache && codec.struct_size == sizeof codec &&
                       append.struct_size == sizeof append && attention.struct_size == sizeof attention &&
                       run.struct_size == sizeof run;
    const octavo_mask mask = {VK_TRUE, 0, 0, 0};
    if (!sizes || attention.mask.causal != mask.causal || octavo_version() == 0 ||
        octavo_status_string(OCTAVO_SUCCESS) == nullptr) {
        std::puts("wrong size, mask, version or status text");
        return 1;
    }
    return 0;
}
