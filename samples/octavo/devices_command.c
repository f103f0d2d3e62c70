#include "commands.h"
#include "device_type_name.h"
#include "json_output.h"
#include "vulkan_host.h"

#include <octavo/attention.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: octavo devices [--json] [--verbose]\n"
    "Lists the Vulkan devices: name, driver, API version, type, whether Octavo can use it or why\n"
    "not, and the attention kernels that it can run in each phase.\n\n"
    "  --json      one JSON object\n"
    "  --verbose   also say why a kernel cannot run, and what the library logs\n"
    "  --help      this text\n";

static const octavo_phase phases[2] = {OCTAVO_PHASE_PREFILL, OCTAVO_PHASE_DECODE};
static const char *const phase_names[2] = {"prefill", "decode"};

static void format_api(uint32_t version, char *text, size_t capacity) {
    (void)snprintf(text, capacity, "%u.%u.%u", (unsigned)VK_API_VERSION_MAJOR(version),
                   (unsigned)VK_API_VERSION_MINOR(version), (unsigned)VK_API_VERSION_PATCH(version));
}

static cJSON *json_of_variants(const octavo_device *device) {
    cJSON *variants = cJSON_CreateObject();
    for (int phase = 0; phase < 2; phase++) {
        cJSON *names = cJSON_AddArrayToObject(variants, phase_names[phase]);
        const char *name;
        for (uint32_t i = 0; device != NULL && (name = octavo_attention_variant_name(i)) != NULL; i++)
            if (octavo_attention_variant_refusal(device, i, phases[phase]) == NULL)
                (void)cJSON_AddItemToArray(names, cJSON_CreateString(name));
    }
    return variants;
}

static cJSON *json_of_device(uint32_t index, const octavo_device_description *description,
                             const octavo_device *device) {
    char api[32];
    format_api(description->api_version, api, sizeof api);
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(object, "index", index);
    (void)cJSON_AddStringToObject(object, "name", description->name);
    (void)cJSON_AddStringToObject(object, "driver", description->driver);
    (void)cJSON_AddStringToObject(object, "api", api);
    (void)cJSON_AddStringToObject(object, "type", octavo_device_type_name(description->type));
    (void)cJSON_AddNumberToObject(object, "memory_bytes", (double)description->device_memory_bytes);
    (void)cJSON_AddNumberToObject(object, "subgroup_size", description->subgroup_size);
    (void)cJSON_AddBoolToObject(object, "usable", description->usable != VK_FALSE);
    (void)cJSON_AddStringToObject(object, "reason", description->reason);
    (void)cJSON_AddItemToObject(object, "variants", json_of_variants(device));
    return object;
}

static void print_variants(const octavo_device *device, bool verbose) {
    for (int phase = 0; phase < 2; phase++) {
        const char *name;
        (void)printf("    %s:", phase_names[phase]);
        for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++) {
            const char *refusal = octavo_attention_variant_refusal(device, i, phases[phase]);
            if (refusal == NULL)
                (void)printf(" %s", name);
            else if (verbose)
                (void)printf(" [%s: %s]", name, refusal);
        }
        (void)printf("\n");
    }
}

static void print_device(uint32_t index, const octavo_device_description *description, const octavo_device *device,
                         bool verbose) {
    char api[32];
    format_api(description->api_version, api, sizeof api);
    (void)printf("%u: %s\n    %s, %s, Vulkan %s, %.1f GiB\n", (unsigned)index, description->name,
                 octavo_device_type_name(description->type), description->driver, api,
                 (double)description->device_memory_bytes / 0x1p30);
    if (device != NULL)
        print_variants(device, verbose);
    else
        (void)printf("    not usable: %s\n", description->reason);
}

/* Opens each usable device to ask for its kernels; one that cannot be opened becomes unusable, with the reason. */
static bool show_devices(octavo_vulkan_host *host, octavo_device_description *descriptions, uint32_t count, bool json,
                         uint32_t *usable) {
    cJSON *list = json ? cJSON_CreateArray() : NULL;
    for (uint32_t i = 0; i < count; i++) {
        octavo_device *device = NULL;
        octavo_error_line reason;
        if (descriptions[i].usable && !octavo_vulkan_host_open_index(host, i, &device, &reason)) {
            descriptions[i].usable = VK_FALSE;
            (void)snprintf(descriptions[i].reason, sizeof descriptions[i].reason, "%.250s", reason.text);
        }
        *usable += device != NULL;
        if (json)
            (void)cJSON_AddItemToArray(list, json_of_device(i, &descriptions[i], device));
        else
            print_device(i, &descriptions[i], device, host->verbose);
        octavo_device_destroy(device);
    }
    if (!json) return true;
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddItemToObject(object, "devices", list);
    return octavo_json_print(object);
}

octavo_exit octavo_devices_command(int argc, char **argv) {
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"verbose", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    bool json = false, verbose = false;
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            return OCTAVO_EXIT_SUCCESS;
        }
        if (option == 'j')
            json = true;
        else if (option == 'v')
            verbose = true;
        else
            return octavo_command_usage(argv[0]);
    }
    if (optind != argc) return octavo_command_usage(argv[0]);
    octavo_vulkan_host host;
    octavo_error_line error = {""};
    octavo_device_description *descriptions = NULL;
    uint32_t count = 0, usable = 0;
    if (!octavo_vulkan_host_start(&host, verbose, &error) ||
        !octavo_vulkan_host_list(&host, &descriptions, &count, &error)) {
        if (json) (void)puts("{\"devices\":[]}");
        return octavo_command_fail(argv[0], OCTAVO_EXIT_NO_DEVICE, &error);
    }
    bool shown = show_devices(&host, descriptions, count, json, &usable);
    free(descriptions);
    if (!shown) {
        (void)octavo_error_line_set(&error, "no memory for %u devices", (unsigned)count);
        return octavo_command_fail(argv[0], OCTAVO_EXIT_FAILED, &error);
    }
    if (usable > 0) return OCTAVO_EXIT_SUCCESS;
    (void)octavo_error_line_set(&error, "none of %u Vulkan devices can be used", (unsigned)count);
    return octavo_command_fail(argv[0], OCTAVO_EXIT_NO_DEVICE, &error);
}
