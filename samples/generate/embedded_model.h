/* The default model, embedded in the program: a GGUF file from octavo_embedded_model up to octavo_embedded_model_end.
 * Only where OCTAVO_EMBEDDED_MODEL is defined: the build found the file. */
#ifndef OCTAVO_EMBEDDED_MODEL_H
#define OCTAVO_EMBEDDED_MODEL_H

extern const unsigned char octavo_embedded_model[];
extern const unsigned char octavo_embedded_model_end[];

#endif
