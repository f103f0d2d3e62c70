#include "json_output.h"

#include <stdio.h>

bool octavo_json_print(cJSON *object) {
    char *text = object == NULL ? NULL : cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (text == NULL) return false;
    (void)puts(text);
    cJSON_free(text);
    return true;
}
