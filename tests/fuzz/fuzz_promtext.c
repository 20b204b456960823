/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"
#include "isobar/base/promtext.h"

/* What a server that is asked for its metrics may say: anything. What was read is printed and read again, and is the same. */

static void print(void *arg, const struct isb_prom_sample *sample)
{
	struct isb_prom_label labels[ISB_PROMTEXT_LABELS + 1] = {{0}};
	memcpy(labels, sample->label, sample->nlabel * sizeof(labels[0]));
	isb_prom_real(arg, sample->name, labels, sample->value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct isb_buf once = {0}, twice = {0};
	size_t line = 0;
	memcpy(text, data, size);
	text[size] = '\0';
	int rc = isb_promtext_each(text, size, print, &once, &line);
	if (rc != ISB_OK && line == 0)
		abort();
	if (isb_promtext_each(isb_buf_text(&once), once.len, print, &twice, &line) != ISB_OK)
		abort();
	if (once.len != twice.len || (once.len && memcmp(once.data, twice.data, once.len) != 0))
		abort();
	isb_buf_done(&once);
	isb_buf_done(&twice);
	free(text);
	return 0;
}
