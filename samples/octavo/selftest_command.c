#define _POSIX_C_SOURCE 200809L

#include "attention_check.h"
#include "commands.h"
#include "json_output.h"
#include "number_text.h"
#include "random_problem.h"
#include "vulkan_host.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: octavo selftest [OPTION]...\n"
    "Runs attention problems on the device and compares with an oracle in double precision over the cache's "
    "contents.\n\n"
    "  --random N        also N random problems, of seeds S, S + 1, ..\n"
    "  --seed S          (default 1)\n"
    "  --limit P         random problems have B Lq Lk Hq (D + Dv) <= 2^P (default 29; 0: no limit)\n"
    "  --no-fixed        leave out the fixed problems\n"
    "  --only NAME       one fixed problem\n"
    "  --variant NAME    force a kernel; all: each problem on each kernel that the device can run\n"
    "  --tuning ROW      numbers for the kernels, as octavo bench --tune writes them\n"
    "  --device DEVICE   an index or a part of a name (octavo devices lists them)\n"
    "  --hide BITS       capabilities to treat as absent, the sum of octavo_capability bits\n"
    "  --validation      load the validation layer\n"
    "  --json            one JSON object on stdout: tests, passed, failed, skipped, worst (relative L2), worst_test\n"
    "  --verbose         a line for each test, and what the library logs\n"
    "  --help            this text\n"
    "A line for each failure says how to run it alone.\n";

typedef struct selftest_options {
    uint64_t random, seed, limit, hidden;
    bool no_fixed, json, verbose, help, validation;
    const char *only, *variant, *tuning, *device;
} selftest_options;

typedef struct selftest_state {
    const selftest_options *options;
    octavo_device *device;
    uint32_t tests, passed, failed, skipped;
    double worst, worst_fraction; /* relative L2, and that over its bound, of different tests maybe */
    char worst_test[160];
} selftest_state;

static double work_limit(const selftest_options *options) {
    return options->limit == 0 ? 0.0 : ldexp(1.0, (int)options->limit);
}

/* How to run one problem alone. */
static void print_replay(const selftest_state *state, const char *fixed_name, uint64_t seed, const char *variant) {
    const selftest_options *options = state->options;
    (void)fprintf(stderr, "    octavo selftest");
    if (fixed_name != NULL)
        (void)fprintf(stderr, " --only %s", fixed_name);
    else
        (void)fprintf(stderr, " --no-fixed --random 1 --seed %llu --limit %llu", (unsigned long long)seed,
                      (unsigned long long)options->limit);
    if (variant != NULL) (void)fprintf(stderr, " --variant %s", variant);
    if (options->tuning != NULL) (void)fprintf(stderr, " --tuning '%s'", options->tuning);
    if (options->device != NULL) (void)fprintf(stderr, " --device '%s'", options->device);
    if (options->hidden != 0) (void)fprintf(stderr, " --hide %llu", (unsigned long long)options->hidden);
    (void)fprintf(stderr, "\n");
}

static void note_worst(selftest_state *state, const octavo_check *check, const char *name, const char *variant) {
    double fraction = check->kernel_rel_l2 / check->rel_l2_bound;
    if (!(check->kernel_rel_l2 <= state->worst)) state->worst = check->kernel_rel_l2;
    if (fraction <= state->worst_fraction) return;
    state->worst_fraction = fraction;
    (void)snprintf(state->worst_test, sizeof state->worst_test, "%s %s", name, variant);
}

/* One problem on one variant (NULL: the best). */
static void run_test(selftest_state *state, const char *fixed_name, uint64_t seed, octavo_problem *problem,
                     const char *variant) {
    char description[1024], name[64];
    octavo_session_result result;
    octavo_error_line error = {""};
    if (fixed_name != NULL)
        (void)snprintf(name, sizeof name, "%s", fixed_name);
    else
        (void)snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
    octavo_phase phase = problem->phase;
    octavo_random_problem_force(problem, variant);
    problem->tuning = state->options->tuning;
    problem->skip_proof =
        variant != NULL; /* one that is wrong fails here; a plan would refuse it, as what cannot run */
    octavo_problem_describe(problem, description, sizeof description);
    bool ran = octavo_session_run(state->device, problem, true, &result, &error);
    problem->phase = phase;
    if (!ran && variant != NULL && result.status == OCTAVO_UNSUPPORTED) {
        state->skipped++;
        return;
    }
    octavo_check check = {0};
    if (ran) check = octavo_check_result(problem, &result);
    bool passed = ran && check.passed;
    state->tests++;
    state->passed += passed;
    state->failed += !passed;
    if (ran) note_worst(state, &check, name, result.variant);
    if (!passed || state->options->verbose) {
        (void)fprintf(stderr, "%s %s: %s\n", passed ? "passed" : "FAILED", name, description);
        if (ran)
            (void)fprintf(stderr,
                          "    %s: relative L2 %.3g (bound %.3g), largest %.3g, log-sum-exp %.3g (bound %.3g), "
                          "logit deviation %.2f%s\n",
                          result.variant, check.kernel_rel_l2, check.rel_l2_bound, check.kernel_max_abs,
                          check.lse_max_abs, check.lse_bound, check.logit_deviation,
                          check.guards_intact ? "" : ", BYTES OUTSIDE OF THE OUTPUT WRITTEN");
        else
            (void)fprintf(stderr, "    %s\n", error.text);
    }
    if (!passed) print_replay(state, fixed_name, seed, variant);
    octavo_session_release(&result);
}

static void run_problem(selftest_state *state, const char *fixed_name, uint64_t seed, octavo_problem *problem) {
    const char *wanted = state->options->variant, *name;
    if (wanted == NULL || strcmp(wanted, "all") != 0) {
        run_test(state, fixed_name, seed, problem, wanted);
        return;
    }
    for (uint32_t i = 0; (name = octavo_attention_variant_name(i)) != NULL; i++) {
        /* not asked for by name, so that what cannot run is no error in the log */
        if (octavo_attention_variant_refusal(state->device, i, OCTAVO_PHASE_PREFILL) != NULL)
            state->skipped++;
        else
            run_test(state, fixed_name, seed, problem, name);
    }
}

static void show_progress(const selftest_state *state, uint64_t done, uint64_t total) {
    if (state->options->verbose || isatty(STDERR_FILENO) == 0) return;
    (void)fprintf(stderr, "\r%llu of %llu problems, %u failed", (unsigned long long)done, (unsigned long long)total,
                  (unsigned)state->failed);
    if (done == total) (void)fprintf(stderr, "\n");
}

static bool run_fixed(selftest_state *state, uint64_t total, uint64_t *done, octavo_error_line *error) {
    const char *only = state->options->only, *name;
    for (uint32_t i = 0; (name = octavo_fixed_problem(i, NULL, NULL, NULL)) != NULL; i++) {
        octavo_problem problem;
        bool made = false;
        if (only != NULL && strcmp(only, name) != 0) continue;
        (void)octavo_fixed_problem(i, &problem, error, &made);
        if (!made) return false;
        run_problem(state, name, 0, &problem);
        octavo_problem_release(&problem);
        show_progress(state, ++*done, total);
    }
    return true;
}

static bool run_all(selftest_state *state, octavo_error_line *error) {
    const selftest_options *options = state->options;
    uint64_t total = options->random, done = 0;
    if (options->only != NULL)
        total = 1;
    else if (!options->no_fixed)
        for (uint32_t i = 0; octavo_fixed_problem(i, NULL, NULL, NULL) != NULL; i++) total++;
    if ((options->only != NULL || !options->no_fixed) && !run_fixed(state, total, &done, error)) return false;
    for (uint64_t i = 0; options->only == NULL && i < options->random; i++) {
        octavo_problem problem;
        if (!octavo_random_problem_draw(options->seed + i, work_limit(options), &problem, error)) return false;
        run_problem(state, NULL, options->seed + i, &problem);
        octavo_problem_release(&problem);
        show_progress(state, ++done, total);
    }
    return true;
}

static bool print_results(const selftest_state *state) {
    if (!state->options->json) {
        (void)printf(
            "%u tests, %u passed, %u failed, %u skipped; worst relative L2 %.3g; nearest to its bound (%.0f %%): %s\n",
            (unsigned)state->tests, (unsigned)state->passed, (unsigned)state->failed, (unsigned)state->skipped,
            state->worst, 100 * state->worst_fraction, state->worst_test);
        return true;
    }
    cJSON *object = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(object, "tests", state->tests);
    (void)cJSON_AddNumberToObject(object, "passed", state->passed);
    (void)cJSON_AddNumberToObject(object, "failed", state->failed);
    (void)cJSON_AddNumberToObject(object, "skipped", state->skipped);
    (void)cJSON_AddNumberToObject(object, "worst", state->worst);
    (void)cJSON_AddNumberToObject(object, "worst_of_bound", state->worst_fraction);
    (void)cJSON_AddStringToObject(object, "worst_test", state->worst_test);
    return octavo_json_print(object);
}

enum {
    OPTION_RANDOM = 1,
    OPTION_SEED,
    OPTION_LIMIT,
    OPTION_HIDE,
    OPTION_ONLY,
    OPTION_VARIANT,
    OPTION_TUNING,
    OPTION_DEVICE
};
enum { FLAG_NO_FIXED = 100, FLAG_JSON, FLAG_VERBOSE, FLAG_VALIDATION, FLAG_HELP };

static bool take_option(int option, const char *text, selftest_options *options, octavo_error_line *error) {
    switch (option) {
    case OPTION_RANDOM:
        return octavo_number_parse("--random", text, 0, 1000000, &options->random, error);
    case OPTION_SEED:
        return octavo_number_parse("--seed", text, 0, UINT64_MAX, &options->seed, error);
    case OPTION_LIMIT:
        if (!octavo_number_parse("--limit", text, 0, 60, &options->limit, error)) return false;
        if (options->limit == 0 || options->limit >= 16) return true;
        return octavo_error_line_set(error, "--limit: %s is neither 0 nor 16 .. 60", text);
    case OPTION_HIDE:
        return octavo_number_parse("--hide", text, 0, UINT32_MAX, &options->hidden, error);
    case OPTION_ONLY:
        options->only = text;
        return true;
    case OPTION_VARIANT:
        options->variant = text;
        return true;
    case OPTION_TUNING:
        options->tuning = text;
        return true;
    case OPTION_DEVICE:
        options->device = text;
        return true;
    case FLAG_NO_FIXED:
        options->no_fixed = true;
        return true;
    case FLAG_JSON:
        options->json = true;
        return true;
    case FLAG_VERBOSE:
        options->verbose = true;
        return true;
    case FLAG_VALIDATION:
        options->validation = true;
        return true;
    default:
        options->help = true;
        return true;
    }
}

static bool check_names(const selftest_options *options, octavo_error_line *error) {
    const char *name;
    if (options->only != NULL) {
        uint32_t i = 0;
        while ((name = octavo_fixed_problem(i, NULL, NULL, NULL)) != NULL && strcmp(name, options->only) != 0) i++;
        if (name == NULL) return octavo_error_line_set(error, "--only: '%.64s' is no fixed problem", options->only);
    }
    if (options->variant != NULL && strcmp(options->variant, "all") != 0) {
        uint32_t i = 0;
        while ((name = octavo_attention_variant_name(i)) != NULL && strcmp(name, options->variant) != 0) i++;
        if (name == NULL) return octavo_error_line_set(error, "--variant: '%.64s' is no variant", options->variant);
    }
    return true;
}

static octavo_exit run_selftest(const selftest_options *options, octavo_error_line *error) {
    octavo_vulkan_host host;
    selftest_state state = {.options = options};
    if (!octavo_vulkan_host_start(&host, options->verbose, error))
        return octavo_command_fail("selftest", OCTAVO_EXIT_NO_DEVICE, error);
    host.validation = options->validation;
    host.hidden_capabilities = (uint32_t)options->hidden;
    if (!octavo_vulkan_host_open(&host, options->device, &state.device, error))
        return octavo_command_fail("selftest", OCTAVO_EXIT_NO_DEVICE, error);
    octavo_device_description description;
    octavo_device_describe(state.device, &description);
    (void)fprintf(stderr, "%s (%s), seed %llu\n", description.name, description.driver,
                  (unsigned long long)options->seed);
    bool ran = run_all(&state, error);
    octavo_device_destroy(state.device);
    if (ran && !print_results(&state)) ran = octavo_error_line_set(error, "no memory for the results");
    if (ran && state.tests == 0) ran = octavo_error_line_set(error, "nothing was tested");
    if (!ran) return octavo_command_fail("selftest", OCTAVO_EXIT_FAILED, error);
    return state.failed == 0 ? OCTAVO_EXIT_SUCCESS : OCTAVO_EXIT_FAILED;
}

octavo_exit octavo_selftest_command(int argc, char **argv) {
    static const struct option long_options[] = {{"random", required_argument, NULL, OPTION_RANDOM},
                                                 {"seed", required_argument, NULL, OPTION_SEED},
                                                 {"limit", required_argument, NULL, OPTION_LIMIT},
                                                 {"hide", required_argument, NULL, OPTION_HIDE},
                                                 {"only", required_argument, NULL, OPTION_ONLY},
                                                 {"variant", required_argument, NULL, OPTION_VARIANT},
                                                 {"tuning", required_argument, NULL, OPTION_TUNING},
                                                 {"device", required_argument, NULL, OPTION_DEVICE},
                                                 {"no-fixed", no_argument, NULL, FLAG_NO_FIXED},
                                                 {"json", no_argument, NULL, FLAG_JSON},
                                                 {"verbose", no_argument, NULL, FLAG_VERBOSE},
                                                 {"validation", no_argument, NULL, FLAG_VALIDATION},
                                                 {"help", no_argument, NULL, FLAG_HELP},
                                                 {NULL, 0, NULL, 0}};
    selftest_options options = {.seed = 1, .limit = 29};
    octavo_error_line error = {""};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (option == '?') return octavo_command_usage(argv[0]);
        if (!take_option(option, optarg, &options, &error))
            return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    }
    if (options.help) {
        (void)fputs(help, stdout);
        return OCTAVO_EXIT_SUCCESS;
    }
    if (optind != argc) return octavo_command_usage(argv[0]);
    if (!check_names(&options, &error)) return octavo_command_fail(argv[0], OCTAVO_EXIT_USAGE, &error);
    return run_selftest(&options, &error);
}
