/* From logits to tokens, and from a prompt to text. */
#include "generation.h"

#include "cpu_attention.h"
#include "gguf_builder.h"
#include "language_model_fixture.h"
#include "run_tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- sampler --- */

static octavo_sample sample_once(octavo_sampler_options options, const float *logits, uint32_t count) {
    octavo_generate_error error = {{0}};
    octavo_sample sample;
    octavo_sampler *sampler = octavo_sampler_create(options, count, &error);
    ck_assert_msg(sampler != NULL && octavo_sampler_next(sampler, logits, &sample, &error), "%s", error.text);
    octavo_sampler_destroy(sampler);
    return sample;
}

START_TEST(test_greedy_sampling) {
    octavo_sampler_options options = OCTAVO_SAMPLER_OPTIONS_INIT;
    octavo_sample sample = sample_once(options, (const float[]){1, 3, 2.5f, 3}, 4);
    ck_assert_uint_eq(sample.token, 1);
    ck_assert_float_eq(sample.margin, 0.0f);
    sample = sample_once(options, (const float[]){-3, -1, -1.5f}, 3);
    ck_assert_uint_eq(sample.token, 1);
    ck_assert_float_eq(sample.margin, 0.5f);
    ck_assert(isinf(sample_once(options, (const float[]){0}, 1).margin));
}
END_TEST

START_TEST(test_random_sampling_has_the_right_frequencies) {
    const float logits[5] = {logf(0.1f), logf(0.4f), logf(0.2f), logf(0.25f), logf(0.05f)};
    static const struct {
        octavo_sampler_options options;
        double expected[5];
    } CASES[] = {
        {{1.0f, 0, 1.0f, 7}, {0.1, 0.4, 0.2, 0.25, 0.05}},
        {{1.0f, 2, 1.0f, 8}, {0, 0.4 / 0.65, 0, 0.25 / 0.65, 0}},
        {{1.0f, 0, 0.8f, 9}, {0, 0.4 / 0.85, 0.2 / 0.85, 0.25 / 0.85, 0}},
        {{0.5f, 0, 1.0f, 10}, {0.01 / 0.275, 0.16 / 0.275, 0.04 / 0.275, 0.0625 / 0.275, 0.0025 / 0.275}},
        {{1.0f, 1, 1.0f, 11}, {0, 1, 0, 0, 0}},
    };
    octavo_generate_error error = {{0}};
    octavo_sampler *sampler = octavo_sampler_create(CASES[_i].options, 5, &error);
    octavo_sampler *again = octavo_sampler_create(CASES[_i].options, 5, &error);
    enum { DRAWS = 40000 };
    double counts[5] = {0};
    for (int i = 0; i < DRAWS; i++) {
        octavo_sample sample, same;
        ck_assert(octavo_sampler_next(sampler, logits, &sample, &error));
        ck_assert(octavo_sampler_next(again, logits, &same, &error));
        ck_assert_uint_eq(sample.token, same.token);
        counts[sample.token]++;
    }
    for (int i = 0; i < 5; i++) {
        double expected = CASES[_i].expected[i], deviation = sqrt(expected * (1 - expected) / DRAWS);
        ck_assert_msg(fabs(counts[i] / DRAWS - expected) <= 5 * deviation, "case %d, token %d: %g, expected %g", _i, i,
                      counts[i] / DRAWS, expected);
    }
    octavo_sampler_destroy(sampler);
    octavo_sampler_destroy(again);
}
END_TEST

START_TEST(test_sampler_refuses) {
    octavo_generate_error error = {{0}};
    octavo_sampler_options options = OCTAVO_SAMPLER_OPTIONS_INIT;
    octavo_sampler *sampler = octavo_sampler_create(options, 2, &error);
    octavo_sample sample;
    ck_assert(!octavo_sampler_next(sampler, (const float[]){0, NAN}, &sample, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "token 1"));
    octavo_sampler_destroy(sampler);
    options.temperature = -1.0f;
    ck_assert_ptr_null(octavo_sampler_create(options, 2, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "-1"));
    options = (octavo_sampler_options)OCTAVO_SAMPLER_OPTIONS_INIT;
    options.top_p = 0.0f;
    ck_assert_ptr_null(octavo_sampler_create(options, 2, &error));
}
END_TEST

/* --- generation --- */

typedef struct receiver {
    octavo_text text;
    uint32_t prompt_read;
    uint32_t tokens;
    size_t stop_after;
} receiver;

static void receive_prompt(void *context, uint32_t tokens_read, uint32_t token_count) {
    receiver *receiver = context;
    ck_assert_uint_gt(tokens_read, receiver->prompt_read);
    ck_assert_uint_le(tokens_read, token_count);
    receiver->prompt_read = tokens_read;
}
static bool receive_text(void *context, const char *bytes, size_t length) {
    receiver *receiver = context;
    ck_assert(octavo_text_append(&receiver->text, bytes, length));
    return receiver->text.length < receiver->stop_after;
}
static void receive_token(void *context, octavo_sample sample, const float *logits) {
    (void)logits;
    ck_assert_uint_lt(sample.token, GGUF_TINY_VOCABULARY);
    ((receiver *)context)->tokens++;
}

static octavo_generation_result generate(const language_model_fixture *fixture, octavo_generation_options options,
                                         bool expected, octavo_generate_error *error) {
    octavo_attention_shape shape =
        octavo_language_model_attention_shape(octavo_language_model_configuration(fixture->model), 0);
    octavo_cpu_attention *attention = octavo_cpu_attention_create(shape, true, error);
    octavo_attention_backend backend = octavo_cpu_attention_backend(attention);
    octavo_generation_result result = {0};
    bool done = octavo_generation_run(fixture->model, fixture->tokenizer, &backend, &options, &result, error);
    ck_assert_msg(done == expected, "%s", error->text);
    octavo_cpu_attention_destroy(attention);
    return result;
}

START_TEST(test_generation_does_not_depend_on_the_passes) {
    gguf_tiny_model tiny = GGUF_TINY_MODEL_INIT;
    language_model_fixture fixture = language_model_fixture_create(&tiny);
    octavo_generate_error error = {{0}};
    octavo_generation_options options = OCTAVO_GENERATION_OPTIONS_INIT;
    receiver receiver = {.stop_after = SIZE_MAX};
    options.prompt = "hello world, hello world";
    options.prompt_length = strlen(options.prompt);
    options.token_limit = 40;
    options.ignore_end = true;
    octavo_generation_result first = generate(&fixture, options, true, &error);
    ck_assert_uint_eq(first.generated_tokens, 40);
    ck_assert_uint_eq(first.tokens.count, first.prompt_tokens + 40);
    options.pass_tokens = 3;
    options.context = &receiver;
    options.on_prompt = receive_prompt;
    options.on_text = receive_text;
    options.on_token = receive_token;
    octavo_generation_result second = generate(&fixture, options, true, &error);
    ck_assert_uint_eq(first.text.length, second.text.length);
    ck_assert_mem_eq(first.text.bytes, second.text.bytes, first.text.length);
    ck_assert_uint_eq(receiver.prompt_read, first.prompt_tokens);
    ck_assert_uint_eq(receiver.tokens, 40);
    ck_assert_uint_eq(receiver.text.length, first.text.length);
    ck_assert_mem_eq(receiver.text.bytes, first.text.bytes, first.text.length);
    octavo_generation_result_release(&second);
    receiver.text.length = 0;
    receiver.prompt_read = 0;
    receiver.stop_after = 1;
    second = generate(&fixture, options, true, &error);
    ck_assert_uint_lt(second.generated_tokens, 10);
    octavo_generation_result_release(&first);
    octavo_generation_result_release(&second);
    octavo_text_release(&receiver.text);
    language_model_fixture_destroy(&fixture);
}
END_TEST

START_TEST(test_generation_limits) {
    gguf_tiny_model tiny = GGUF_TINY_MODEL_INIT;
    language_model_fixture fixture = language_model_fixture_create(&tiny);
    octavo_generate_error error = {{0}};
    octavo_generation_options options = OCTAVO_GENERATION_OPTIONS_INIT;
    /* An empty prompt is the begin token; 512 positions hold it and 511 of the 512 generated tokens. */
    options.token_limit = GGUF_TINY_CONTEXT;
    options.ignore_end = true;
    octavo_generation_result result = generate(&fixture, options, true, &error);
    ck_assert_uint_eq(result.prompt_tokens, 1);
    ck_assert_uint_eq(result.generated_tokens, GGUF_TINY_CONTEXT);
    octavo_generation_result_release(&result);
    options.token_limit++;
    result = generate(&fixture, options, false, &error);
    ck_assert_ptr_nonnull(strstr(error.text, "1 prompt tokens and 513 to generate exceed the model's context of 512"));
    octavo_generation_result_release(&result);
    options.token_limit = 0;
    result = generate(&fixture, options, true, &error);
    ck_assert_uint_eq(result.generated_tokens, 0);
    octavo_generation_result_release(&result);
    language_model_fixture_destroy(&fixture);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("generation");
    TCase *sampler = tcase_create("sampler"), *generation = tcase_create("generation");
    tcase_set_timeout(generation, 120);
    tcase_add_test(sampler, test_greedy_sampling);
    tcase_add_loop_test(sampler, test_random_sampling_has_the_right_frequencies, 0, 5);
    tcase_add_test(sampler, test_sampler_refuses);
    tcase_add_test(generation, test_generation_does_not_depend_on_the_passes);
    tcase_add_test(generation, test_generation_limits);
    suite_add_tcase(suite, sampler);
    suite_add_tcase(suite, generation);
    return run_suite(suite);
}
