/* octavo: the command. */
#include "commands.h"

#include <octavo/octavo.h>

#include <stdio.h>
#include <string.h>

typedef struct subcommand {
    const char *name;
    octavo_exit (*run)(int argc, char **argv);
    const char *summary;
} subcommand;

static const subcommand subcommands[] = {
    {"devices", octavo_devices_command, "list the Vulkan devices and the kernels that they can run"},
    {"attend", octavo_attend_command, "attention over NumPy files through a packed cache"},
    {"generate", octavo_generate_command, "generate text with a language model whose cache is packed"},
    {"report", octavo_report_command, "draw what bench wrote as one HTML page, or as tables in Markdown"},
    {"selftest", octavo_selftest_command, "compare the kernels with an oracle on many small problems"},
};
#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof subcommands[0])

static void print_help(FILE *stream) {
    (void)fprintf(stream,
                  "usage: octavo COMMAND [OPTION]...\n"
                  "Attention over packed 3-bit key-value caches on any Vulkan GPU.\n\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        (void)fprintf(stream, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    (void)fprintf(stream,
                  "\n'octavo COMMAND --help' lists the options of a command. 'octavo --version' prints the version.\n"
                  "Exit codes: 0 success, 1 failed check, 2 usage, 3 no usable device.\n");
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return (int)octavo_command_finish("help", OCTAVO_EXIT_SUCCESS);
    }
    if (strcmp(name, "--version") == 0) {
        uint32_t version = octavo_version();
        (void)printf("octavo %u.%u.%u\n", (unsigned)(version / 1000000), (unsigned)(version / 1000 % 1000),
                     (unsigned)(version % 1000));
        return (int)octavo_command_finish("version", OCTAVO_EXIT_SUCCESS);
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(name, subcommands[i].name) != 0) continue;
        return (int)octavo_command_finish(name, subcommands[i].run(argc - 1, argv + 1));
    }
    if (argc > 1) (void)fprintf(stderr, "octavo: '%.64s' is no command\n", name);
    print_help(stderr);
    return OCTAVO_EXIT_USAGE;
}
