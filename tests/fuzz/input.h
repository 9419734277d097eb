/*
 * What the targets share: an input that is read byte by byte and gives zeroes
 * when it is used up, and checks. A check that fails says what and where, and
 * aborts, which the fuzzer reports with the input.
 */

#ifndef INPUT_H
#define INPUT_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <task_scheduling.h>

struct input {
    const uint8_t *bytes;
    size_t size;
};

/* Called by the fuzzer. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static inline int next_byte(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->bytes++;
}

static inline int below(struct input *input, int limit)
{
    return next_byte(input) % limit;
}

static inline double next_real(struct input *input)
{
    uint64_t bits = 0;
    double real;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | (uint64_t)next_byte(input);
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* The next so many bytes, or what is left, with a NUL behind. To be freed. */
static inline char *next_text(struct input *input, size_t most)
{
    size_t size = most < input->size ? most : input->size;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, input->bytes, size);
    text[size] = 0;
    input->bytes += size;
    input->size -= size;
    return text;
}

/* What happens, for who looks for a fault: FUZZ_TRACE=1 FUZZER INPUT */
#define TRACE(...) (getenv("FUZZ_TRACE") ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

#define SURE(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "BROKEN: %s:%d: %s: ", __FILE__, __LINE__, #condition);                \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The call's answer is one of these; of a failure there are words. */
#define OR(error) (UINT64_C(1) << (error))
static inline ts_error check(const char *file, int line, const char *call, ts_error error, uint64_t allowed)
{
    if ((unsigned)error > TS_ERROR_IN_USE || !(allowed >> error & 1) ||
        (error != TS_OK && !*ts_last_error_message())) {
        fprintf(stderr, "BROKEN: %s:%d: %s gave %s: %s; allowed were", file, line, call,
                ts_error_name(error), ts_last_error_message());
        for (int other = 0; other <= TS_ERROR_IN_USE; other++)
            if (allowed >> other & 1)
                fprintf(stderr, " %s", ts_error_name((ts_error)other));
        fprintf(stderr, "\n");
        abort();
    }
    return error;
}
#define CALL(call, allowed) check(__FILE__, __LINE__, #call, (call), (allowed))

#endif
