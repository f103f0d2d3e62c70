/* The default model's file, as it is, in the read-only data of the program (ELF). */
    .section .rodata
    .balign 64
    .global octavo_embedded_model
    .global octavo_embedded_model_end
octavo_embedded_model:
    .incbin OCTAVO_EMBEDDED_MODEL_FILE
octavo_embedded_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
