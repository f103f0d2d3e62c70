/* One JSON object on stdout. */
#ifndef OCTAVO_JSON_OUTPUT_H
#define OCTAVO_JSON_OUTPUT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Prints the object with a newline and deletes it. False: no memory (or NULL was given). */
bool octavo_json_print(cJSON *object);

#endif
