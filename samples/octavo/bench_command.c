#define _POSIX_C_SOURCE 200809L

#include <volk.h>

#include "bench_measure.h"
#include "bench_options.h"
#include "bench_tune.h"
#include "commands.h"
#include "vulkan_host.h"
#include "whole_file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME_BYTES ((VkDeviceSize)64 << 20)

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

/* The second Ctrl-C finds the default action again. */
static void watch_interrupts(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

/* --- what the run was -----------------------------------------------------------------------------------------------
 */

static char *join(int argc, char **argv) {
    size_t size = sizeof "octavo";
    for (int i = 0; i < argc; i++) size += strlen(argv[i]) + 1;
    char *text = malloc(size);
    if (text == NULL) return NULL;
    char *end = text + sprintf(text, "octavo");
    for (int i = 0; i < argc; i++) end += sprintf(end, " %s", argv[i]);
    return text;
}

static bool has_extension(VkPhysicalDevice device, const char *name) {
    uint32_t count = 0;
    bool found = false;
    if (vkEnumerateDeviceExtensionProperties(device, NULL, &count, NULL) != VK_SUCCESS || count == 0) return false;
    VkExtensionProperties *extensions = calloc(count, sizeof *extensions);
    if (extensions != NULL && vkEnumerateDeviceExtensionProperties(device, NULL, &count, extensions) >= 0)
        for (uint32_t i = 0; i < count; i++) found = found || strcmp(extensions[i].extensionName, name) == 0;
    free(extensions);
    return found;
}

/* What only Vulkan's own structures tell: driver and cores. */
static void describe_device(octavo_device *device, octavo_bench_result *result) {
    octavo_vulkan_handles vulkan;
    octavo_device_describe(device, &result->device);
    octavo_device_get_handles(device, &vulkan);
    volkLoadInstanceOnly(vulkan.instance);
    VkPhysicalDeviceDriverProperties driver = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nvidia = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
    VkPhysicalDeviceShaderCorePropertiesAMD amd = {.sType =
                                                       VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD};
    VkPhysicalDeviceProperties2 properties = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    bool is_nvidia = has_extension(vulkan.physical_device, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME);
    bool is_amd = has_extension(vulkan.physical_device, VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME);
    if (result->device.api_version >= VK_API_VERSION_1_2 ||
        has_extension(vulkan.physical_device, VK_KHR_DRIVER_PROPERTIES_EXTENSION_NAME)) {
        driver.pNext = properties.pNext;
        properties.pNext = &driver;
    }
    if (is_nvidia) {
        nvidia.pNext = properties.pNext;
        properties.pNext = &nvidia;
    }
    if (is_amd) {
        amd.pNext = properties.pNext;
        properties.pNext = &amd;
    }
    vkGetPhysicalDeviceProperties2(vulkan.physical_device, &properties);
    (void)snprintf(result->driver_version_text, sizeof result->driver_version_text, "%.250s", driver.driverInfo);
    if (is_nvidia) result->core_count = nvidia.shaderSMCount;
    if (is_amd)
        result->core_count = amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
}

static void set_date(octavo_bench_result *result) {
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) != NULL) (void)strftime(result->date, sizeof result->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* --- the cases ------------------------------------------------------------------------------------------------------
 */

static void show_row(const octavo_bench_row *row) {
    bool append = row->bench.phase == OCTAVO_BENCH_APPEND;
    (void)fprintf(stderr, " %.2f us, %.1f %% of %s%s\n", octavo_bench_row_us(row),
                  100 * (append ? row->fraction_of_copy : row->fraction_of_read), append ? "copy" : "read",
                  row->ok ? "" : ", WRONG");
}

static void run_case(octavo_bench_session *session, const octavo_bench_case *bench, octavo_bench_result *result,
                     octavo_status *status) {
    octavo_error_line reason = {""};
    octavo_bench_row *row = &result->rows[result->row_count];
    *status = octavo_bench_measure(session, bench, row, &reason);
    if (*status == OCTAVO_SUCCESS) {
        show_row(row);
        result->row_count++;
        return;
    }
    octavo_bench_skip *skip = &result->skips[result->skip_count++];
    octavo_bench_case_name(bench, skip->name);
    (void)snprintf(skip->reason, sizeof skip->reason, "%s", reason.text);
    (void)fprintf(stderr, " skipped: %s\n", reason.text);
}

static void run_cases(octavo_bench_session *session, octavo_bench_case *cases, size_t count,
                      octavo_bench_result *result) {
    octavo_status status = OCTAVO_SUCCESS;
    size_t i = 0;
    bool refused = false; /* rows that do not parse fail in every case */
    for (; i < count && !interrupted && !refused && status != OCTAVO_DEVICE_LOST; i++) {
        char name[OCTAVO_BENCH_NAME_LENGTH];
        cases[i].layers = octavo_bench_case_layers(&cases[i], (uint64_t)session->ceilings.set_bytes);
        octavo_bench_case_name(&cases[i], name);
        (void)fprintf(stderr, "[%zu/%zu] %s:", i + 1, count, name);
        (void)fflush(stderr);
        run_case(session, &cases[i], result, &status);
        refused = cases[i].tuning != NULL && status == OCTAVO_INVALID_ARGUMENT;
    }
    result->complete = i == count && !refused && status != OCTAVO_DEVICE_LOST;
}

static bool stopped(void) {
    return interrupted != 0;
}

/* To --out. Without it to stdout, and also where it fails: what was measured for hours is not lost with a disk that
 * became full. */
static bool write_text(const octavo_bench_options *options, const char *text, octavo_error_line *error) {
    bool written = options->out == NULL || octavo_whole_file_write(options->out, text, strlen(text), NULL, 0, error);
    if (written && options->out != NULL) return true;
    (void)fputs(text, stdout);
    if (text[0] != '\0' && text[strlen(text) - 1] != '\n') (void)fputs("\n", stdout);
    return written;
}

static bool tune_cases(octavo_bench_session *session, const octavo_bench_options *options, octavo_bench_case *cases,
                       size_t count, octavo_bench_result *result, octavo_error_line *error) {
    char heading[1024];
    (void)snprintf(heading, sizeof heading, "# octavo bench --tune, %s, %s, %s %s", result->date, result->device.name,
                   result->device.driver, result->driver_version_text);
    octavo_bench_tune_job job = {session, cases, count, stopped, heading};
    char *rows = NULL;
    session->times_only = true;
    if (!octavo_bench_tune(&job, &rows, &result->complete)) return octavo_error_line_set(error, "no memory for rows");
    bool written = write_text(options, rows, error);
    free(rows);
    return written;
}

static bool run_on(octavo_device *device, const octavo_bench_options *options, octavo_bench_case *cases, size_t count,
                   octavo_bench_result *result, octavo_error_line *error) {
    octavo_bench_session session = {
        .device = device, .rounds = options->rounds, .least_ms = options->least_ms, .most_ms = options->most_ms};
    describe_device(device, result);
    (void)fprintf(stderr, "%s (%s): %zu cases\n", result->device.name, result->device.driver, count);
    if (!octavo_bench_ceilings_measure(device, &session.ceilings, error)) return false;
    bool is_software = result->device.type == VK_PHYSICAL_DEVICE_TYPE_CPU;
    session.ceilings.set_bytes = (double)(options->set_mib > 0 ? options->set_mib : is_software ? 64 : 256) * 0x1p20;
    result->ceilings = session.ceilings;
    octavo_status status = octavo_commands_create(device, &session.commands);
    if (status == OCTAVO_SUCCESS) status = octavo_frame_create(device, FRAME_BYTES, &session.frame);
    session.filled.device = device;
    session.filled.commands = session.commands;
    session.filled.frame = session.frame;
    bool ran = true;
    if (status == OCTAVO_SUCCESS && options->tune)
        ran = tune_cases(&session, options, cases, count, result, error);
    else if (status == OCTAVO_SUCCESS)
        run_cases(&session, cases, count, result);
    octavo_bench_cache_release(&session.filled);
    octavo_frame_destroy(session.frame);
    octavo_commands_destroy(session.commands);
    if (status == OCTAVO_SUCCESS) return ran;
    return octavo_error_line_set(error, "commands and frame: %s", octavo_status_string(status));
}

static bool write_result(const octavo_bench_options *options, const octavo_bench_result *result,
                         octavo_error_line *error) {
    char *text = options->format == OCTAVO_BENCH_FORMAT_JSON  ? octavo_bench_result_json(result)
                 : options->format == OCTAVO_BENCH_FORMAT_CSV ? octavo_bench_result_csv(result)
                                                              : octavo_bench_result_markdown(result);
    if (text == NULL) return octavo_error_line_set(error, "no memory for the results");
    bool written = write_text(options, text, error);
    free(text);
    return written;
}

static octavo_exit run_bench(const octavo_bench_options *options, octavo_bench_case *cases, size_t count,
                             octavo_bench_result *result, octavo_error_line *error) {
    octavo_vulkan_host host;
    octavo_device *device = NULL;
    if (options->out != NULL && !octavo_whole_file_can_write(options->out, error))
        return octavo_command_fail("bench", OCTAVO_EXIT_USAGE, error);
    if (!octavo_vulkan_host_start(&host, options->verbose, error) ||
        !octavo_vulkan_host_open(&host, options->device, &device, error))
        return octavo_command_fail("bench", OCTAVO_EXIT_NO_DEVICE, error);
    watch_interrupts();
    bool ran = run_on(device, options, cases, count, result, error);
    octavo_device_destroy(device);
    if (!ran || (!options->tune && !write_result(options, result, error)))
        return octavo_command_fail("bench", OCTAVO_EXIT_FAILED, error);
    size_t wrong = 0;
    for (size_t i = 0; i < result->row_count; i++) wrong += !result->rows[i].ok;
    if (wrong > 0) (void)fprintf(stderr, "octavo bench: %zu rows are wrong\n", wrong);
    bool all_skipped = result->row_count == 0 && result->skip_count > 0;
    if (all_skipped) (void)fprintf(stderr, "octavo bench: all cases were skipped\n");
    return wrong == 0 && !all_skipped && result->complete ? OCTAVO_EXIT_SUCCESS : OCTAVO_EXIT_FAILED;
}

static void list_cases(const octavo_bench_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char name[OCTAVO_BENCH_NAME_LENGTH];
        octavo_bench_case_name(&cases[i], name);
        (void)puts(name);
    }
}

#define TUNING_BYTES_LIMIT (UINT64_C(1) << 20)

/* *text is allocated with malloc; NULL without a file. */
static bool read_tuning(const char *path, char **text, octavo_error_line *error) {
    uint8_t *bytes = NULL;
    size_t size = 0;
    *text = NULL;
    if (path == NULL) return true;
    if (!octavo_whole_file_read(path, TUNING_BYTES_LIMIT, &bytes, &size, error)) return false;
    bool has_zero = memchr(bytes, 0, size) != NULL;
    if (!has_zero && (*text = malloc(size + 1)) != NULL) {
        memcpy(*text, bytes, size);
        (*text)[size] = '\0';
    }
    free(bytes);
    if (has_zero) return octavo_error_line_set(error, "%s: no text", path);
    return *text != NULL || octavo_error_line_set(error, "%s: no memory for %zu bytes", path, size);
}

octavo_exit octavo_bench_command(int argc, char **argv) {
    octavo_bench_options options;
    octavo_error_line error = {""};
    int parsed = octavo_bench_options_parse(argc, argv, &options, &error);
    if (parsed == 2) return octavo_command_usage(argv[0]);
    if (parsed != 0) return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    if (options.help) {
        (void)fputs(octavo_bench_help, stdout);
        return OCTAVO_EXIT_SUCCESS;
    }
    if (options.compare[0] != NULL) {
        if (octavo_bench_compare(options.compare[0], options.compare[1], &error)) return OCTAVO_EXIT_SUCCESS;
        return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    }
    octavo_bench_case *cases = NULL;
    size_t count = 0;
    octavo_bench_result result;
    memset(&result, 0, sizeof result);
    if (!octavo_bench_options_cases(&options, &cases, &count, &error))
        return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    octavo_exit code = OCTAVO_EXIT_SUCCESS;
    char *tuning = NULL;
    if (!read_tuning(options.tuning, &tuning, &error)) {
        free(cases);
        return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    }
    for (size_t i = 0; i < count; i++) cases[i].tuning = tuning;
    if (options.list_only) {
        list_cases(cases, count);
    } else {
        result.rows = calloc(count, sizeof *result.rows);
        result.skips = calloc(count, sizeof *result.skips);
        result.command = join(argc, argv);
        set_date(&result);
        if (result.rows == NULL || result.skips == NULL || result.command == NULL) {
            (void)octavo_error_line_set(&error, "no memory for %zu cases", count);
            code = octavo_command_fail(argv[0], OCTAVO_EXIT_FAILED, &error);
        } else {
            code = run_bench(&options, cases, count, &result, &error);
        }
    }
    octavo_bench_result_release(&result);
    free(tuning);
    free(cases);
    return code;
}
