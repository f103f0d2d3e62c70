#include "attend_arguments.h"
#include "attention_check.h"
#include "commands.h"
#include "json_output.h"
#include "npy.h"
#include "vulkan_host.h"

#include <stdio.h>

static const char help[] =
    "usage: octavo attend --q Q.npy --k K.npy --v V.npy [OPTION]...\n"
    "Attention over NumPy files (f16 or f32, little-endian, C order) through a packed cache.\n"
    "Q is [B, Lq, Hq, D], K [B, Lk, Hk, D], V [B, Lk, Hk, Dv]; Hq is a multiple of Hk, D and Dv are 32 .. 256.\n"
    "Query i has position i + Lk - Lq: queries are the last Lq positions.\n\n"
    "  --out O.npy         write the output, f32 [B, Lq, Hq, Dv]\n"
    "  --lse L.npy         write the log-sum-exp, f32 [B, Lq, Hq], natural logarithm\n"
    "  --kv BITS           of the cache: 2, 3, 4 or f16, or two of them for K/V, as 4/3 (default 3)\n"
    "  --mask SPEC         comma list of causal, window=N, sink=N, prefix=N; or none (default none)\n"
    "  --scale S           of the logits (default 1 / sqrt(D))\n"
    "  --softcap X         logits become X tanh(logit / X); 0: none\n"
    "  --sink-logit S.npy  [Hq]: one more logit of each head, in the denominator only\n"
    "  --empty-row WHAT    of a query that sees no key: zero, all (attend to all), uniform (default zero)\n"
    "  --lengths N,N,..    keys of each sequence, at most Lk\n"
    "  --first N           first tokens that are also held in f16, 0 .. 128 (default 4)\n"
    "  --recent N          last tokens that are also held in f16, 0 .. 4096 (default 0)\n"
    "  --chunk N           tokens per append and prefill call (default all)\n"
    "  --own               queries attend their own K and V in f16, which are packed beside the attention\n"
    "  --dtype TYPE        of Q, K and V on the GPU: f32, f16, bf16 (default f32)\n"
    "  --phase PHASE       auto, prefill, decode (default auto)\n"
    "  --variant NAME      the kernel (octavo devices lists them; default the best)\n"
    "  --device DEVICE     an index or a part of a name (octavo devices lists them)\n"
    "  --check             compare with double precision; exit 1 above the kernel's bound\n"
    "  --json              one JSON object on stdout\n"
    "  --verbose           what the library logs\n"
    "  --help              this text\n";

/* What is printed: numbers of a run. */
typedef struct attend_report {
    octavo_device_description device;
    const octavo_problem *problem;
    const octavo_session_result *result;
    bool checked;
    octavo_check check;
    octavo_codec_check codec;
    double cache_bytes, window_bytes, f16_bytes;
} attend_report;

static void fill_sizes(attend_report *report) {
    const octavo_problem *problem = report->problem;
    const octavo_cache_statistics *statistics = &report->result->statistics;
    double tokens = (double)octavo_problem_token_count(problem);
    report->cache_bytes = (double)statistics->bytes_per_token * tokens;
    report->window_bytes = (double)statistics->window_page_count * (double)statistics->page_bytes;
    report->f16_bytes = 2.0 * tokens * problem->kv_head_count * (problem->key_dim + problem->value_dim);
}

static const char *phase_name(octavo_phase phase) {
    return phase == OCTAVO_PHASE_DECODE ? "decode" : "prefill";
}

static bool print_json(const attend_report *report) {
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(object, "device", report->device.name);
    (void)cJSON_AddStringToObject(object, "driver", report->device.driver);
    (void)cJSON_AddStringToObject(object, "variant", report->result->variant);
    (void)cJSON_AddStringToObject(object, "phase", phase_name(report->result->phase));
    (void)cJSON_AddNumberToObject(object, "cache_bytes", report->cache_bytes);
    (void)cJSON_AddNumberToObject(object, "cache_allocated_bytes", (double)report->result->statistics.allocated_bytes);
    (void)cJSON_AddNumberToObject(object, "window_bytes", report->window_bytes);
    (void)cJSON_AddNumberToObject(object, "f16_bytes", report->f16_bytes);
    if (report->result->gpu_seconds < 0)
        (void)cJSON_AddNullToObject(object, "gpu_us");
    else
        (void)cJSON_AddNumberToObject(object, "gpu_us", report->result->gpu_seconds * 1e6);
    if (report->checked) {
        (void)cJSON_AddNumberToObject(object, "kernel_rel_l2", report->check.kernel_rel_l2);
        (void)cJSON_AddNumberToObject(object, "kernel_max_abs", report->check.kernel_max_abs);
        (void)cJSON_AddNumberToObject(object, "kernel_rel_l2_bound", report->check.rel_l2_bound);
        (void)cJSON_AddNumberToObject(object, "lse_max_abs", report->check.lse_max_abs);
        (void)cJSON_AddNumberToObject(object, "logit_deviation", report->check.logit_deviation);
        (void)cJSON_AddNumberToObject(object, "codec_rel_l2", report->codec.rel_l2);
        (void)cJSON_AddNumberToObject(object, "codec_cosine", report->codec.cosine);
        (void)cJSON_AddBoolToObject(object, "passed", report->check.passed);
    }
    return octavo_json_print(object);
}

static void print_text(const attend_report *report) {
    (void)printf("device    %s\n", report->device.name);
    (void)printf("variant   %s, %s\n", report->result->variant, phase_name(report->result->phase));
    (void)printf("cache     %.0f bytes (f16: %.0f), windows %.0f, allocated %.0f\n", report->cache_bytes,
                 report->f16_bytes, report->window_bytes, (double)report->result->statistics.allocated_bytes);
    if (report->result->gpu_seconds >= 0) (void)printf("attention %.1f us\n", report->result->gpu_seconds * 1e6);
    if (!report->checked) return;
    (void)printf("kernel    relative L2 %.3g (bound %.3g), largest difference %.3g, log-sum-exp %.3g\n",
                 report->check.kernel_rel_l2, report->check.rel_l2_bound, report->check.kernel_max_abs,
                 report->check.lse_max_abs);
    (void)printf("codec     relative L2 %.3g, cosine %.6f\n", report->codec.rel_l2, report->codec.cosine);
    (void)printf("check     %s\n", report->check.passed ? "passed" : "FAILED");
}

static bool write_files(const octavo_attend_arguments *arguments, const octavo_problem *problem,
                        const octavo_session_result *result, const uint64_t query_shape[4], octavo_error_line *error) {
    uint64_t shape[4] = {query_shape[0], query_shape[1], query_shape[2], problem->value_dim};
    if (arguments->output_path != NULL && !octavo_npy_write(arguments->output_path, 4, shape, result->output, error))
        return false;
    return arguments->lse_path == NULL || octavo_npy_write(arguments->lse_path, 3, shape, result->lse, error);
}

static octavo_exit run_on_device(const octavo_attend_arguments *arguments, const octavo_problem *problem,
                                 const uint64_t query_shape[4], octavo_device *device, octavo_error_line *error) {
    octavo_session_result result;
    if (!octavo_session_run(device, problem, arguments->check, &result, error)) {
        octavo_exit code = octavo_command_exit_of_status(result.status);
        return octavo_command_fail("attend", code == OCTAVO_EXIT_SUCCESS ? OCTAVO_EXIT_FAILED : code, error);
    }
    attend_report report = {.problem = problem, .result = &result, .checked = arguments->check};
    octavo_exit code = OCTAVO_EXIT_FAILED;
    octavo_device_describe(device, &report.device);
    fill_sizes(&report);
    if (!write_files(arguments, problem, &result, query_shape, error)) goto end;
    if (report.checked) {
        report.check = octavo_check_result(problem, &result);
        if (!octavo_check_codec(problem, &result, &report.codec, error)) goto end;
    }
    code = report.checked && !report.check.passed ? OCTAVO_EXIT_FAILED : OCTAVO_EXIT_SUCCESS;
    if (!arguments->json)
        print_text(&report);
    else if (!print_json(&report)) {
        (void)octavo_error_line_set(error, "no memory for the report");
        code = OCTAVO_EXIT_FAILED;
    }
    if (code == OCTAVO_EXIT_FAILED && error->text[0] == '\0')
        (void)octavo_error_line_set(error, "--check: kernel_rel_l2 %.3g (bound %.3g), lse_max_abs %.3g (bound %.3g)%s",
                                    report.check.kernel_rel_l2, report.check.rel_l2_bound, report.check.lse_max_abs,
                                    report.check.lse_bound,
                                    report.check.guards_intact ? "" : ", bytes outside of the output were written");
end:
    octavo_session_release(&result);
    return code == OCTAVO_EXIT_SUCCESS ? code : octavo_command_fail("attend", code, error);
}

octavo_exit octavo_attend_command(int argc, char **argv) {
    octavo_attend_arguments arguments;
    octavo_error_line error = {""};
    octavo_arguments_state state = octavo_attend_arguments_parse(argc, argv, &arguments, &error);
    if (state == OCTAVO_ARGUMENTS_UNKNOWN) return octavo_command_usage(argv[0]);
    if (state == OCTAVO_ARGUMENTS_BAD) return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    if (arguments.help) {
        (void)fputs(help, stdout);
        return OCTAVO_EXIT_SUCCESS;
    }
    octavo_problem problem;
    octavo_vulkan_host host;
    octavo_device *device = NULL;
    uint64_t query_shape[4];
    if (!octavo_attend_arguments_load(&arguments, &problem, query_shape, &error))
        return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    octavo_exit code;
    if (!octavo_vulkan_host_start(&host, arguments.verbose, &error) ||
        !octavo_vulkan_host_open(&host, arguments.device, &device, &error))
        code = octavo_command_fail(argv[0], OCTAVO_EXIT_NO_DEVICE, &error);
    else
        code = run_on_device(&arguments, &problem, query_shape, device, &error);
    octavo_device_destroy(device);
    octavo_problem_release(&problem);
    return code;
}
