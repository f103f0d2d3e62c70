/* write_gguf_seeds FOLDER: small good model files, from which fuzz_gguf starts. */
#include "gguf_builder.h"

#include <stdio.h>
#include <stdlib.h>

static bool write_seed(const char *folder, const char *name, gguf_builder *builder) {
    char path[4096];
    size_t size;
    unsigned char *bytes = gguf_finish(builder, &size);
    snprintf(path, sizeof path, "%s/%s.gguf", folder, name);
    FILE *file = fopen(path, "wb");
    bool done = file != NULL && fwrite(bytes, 1, size, file) == size;
    if (file != NULL && fclose(file) != 0) done = false;
    if (!done) fprintf(stderr, "%s: cannot be written\n", path);
    free(bytes);
    gguf_builder_release(builder);
    return done;
}

int main(int argument_count, char **arguments) {
    if (argument_count != 2) {
        fprintf(stderr, "usage: write_gguf_seeds FOLDER\n");
        return 2;
    }
    const gguf_tiny_model smallest = {1, 2, 2, 1, 1, 2, 2, 2, 0, true, false, false, 1};
    const gguf_tiny_model every_part = {2, 4, 2, 2, 1, 4, 2, 2, 1, false, true, true, 2};
    gguf_builder builder = GGUF_BUILDER_INIT;
    gguf_add_tiny_model(&builder, &smallest);
    bool done = write_seed(arguments[1], "smallest", &builder);
    gguf_add_tiny_model(&builder, &every_part);
    gguf_add_string(&builder, "llama.rope.scaling.type", "linear");
    gguf_add_float(&builder, "llama.rope.scaling.factor", 2.0f);
    done = write_seed(arguments[1], "every_part", &builder) && done;
    gguf_add_spm_tokenizer(&builder, true);
    done = write_seed(arguments[1], "sentencepiece", &builder) && done;
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
