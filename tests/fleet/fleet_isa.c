#include "fleet_isa.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_statistics.h"

enum { MAX_REPRESENTATIONS = 32 };

static bool begins_with(const char *text, const char *word) {
    while (*word && tolower((unsigned char)*text) == *word) {
        text++;
        word++;
    }
    return *word == '\0';
}

static int64_t count_words(const char *text) {
    static const char *const words[] = {"v_wmma", "dpas", "hmma"};
    int64_t count = 0;
    for (char before = ' '; *text; before = *text++) {
        for (size_t i = 0; i < sizeof words / sizeof words[0] && !isalnum((unsigned char)before); i++) {
            count += begins_with(text, words[i]) ? 1 : 0;
        }
    }
    return count;
}

/* Whether it is what the chip runs, not what the compiler began with. */
static bool is_assembly(const char *name) {
    for (const char *at = name; *at; at++) {
        if (begins_with(at, "assembly") || begins_with(at, "disasm") || begins_with(at, "sass") ||
            begins_with(at, "nak")) {
            return true;
        }
    }
    return false;
}

static bool read_representations(const fleet_device *device, VkPipeline pipeline, uint32_t index,
                                 VkPipelineExecutableInternalRepresentationKHR *list, uint32_t *count) {
    VkPipelineExecutableInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR, .pipeline = pipeline, .executableIndex = index};
    *count = 0;
    if (device->vkGetPipelineExecutableInternalRepresentationsKHR(device->device, &info, count, NULL) < 0 ||
        *count > MAX_REPRESENTATIONS) {
        return false;
    }
    for (uint32_t i = 0; i < *count; i++) {
        list[i] = (VkPipelineExecutableInternalRepresentationKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR};
    }
    if (device->vkGetPipelineExecutableInternalRepresentationsKHR(device->device, &info, count, list) < 0) {
        return false;
    }
    for (uint32_t i = 0; i < *count; i++) {
        list[i].pData = calloc(1, list[i].dataSize + 1);
    }
    return device->vkGetPipelineExecutableInternalRepresentationsKHR(device->device, &info, count, list) == VK_SUCCESS;
}

int64_t fleet_isa_matrix_instructions(const fleet_device *device, VkPipeline pipeline) {
    static VkPipelineExecutableInternalRepresentationKHR list[MAX_REPRESENTATIONS];
    uint32_t count = 0;
    int64_t found = FLEET_UNKNOWN;
    bool have = read_representations(device, pipeline, 0, list, &count);
    for (uint32_t i = 0; have && i < count; i++) {
        if (list[i].isText && list[i].pData && is_assembly(list[i].name)) {
            int64_t words = count_words(list[i].pData);
            found = words > found ? words : found;
        }
    }
    for (uint32_t i = 0; i < count && i < MAX_REPRESENTATIONS; i++) {
        free(list[i].pData);
        list[i].pData = NULL;
    }
    return found;
}
