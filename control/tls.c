/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isobar/base/err.h"

enum { PEM_MAX = 1 << 20 };

static int read_pem(const char *path, struct isb_diags *diags, char **ret_text)
{
	FILE *file = fopen(path, "re");
	char *text = isb_xcalloc(1, PEM_MAX);
	size_t len = file ? fread(text, 1, PEM_MAX - 1, file) : 0;
	bool good = file && !ferror(file) && len < PEM_MAX - 1;
	if (!good)
		isb_diag(diags, (struct isb_mark){0}, "cannot read '%s': %s", path,
		         file && len ? "it is too large" : strerror(errno));
	if (file)
		fclose(file);
	if (!good) {
		free(text);
		return ISB_EIO;
	}
	*ret_text = text;
	return ISB_OK;
}

int isb_certificate_read(const struct isb_control_options *options, struct isb_diags *diags,
                         struct isb_certificate *ret)
{
	struct isb_certificate made = {0};
	if (!options->tls_cert)
		return ISB_OK;
	stat(options->tls_cert, &made.seen[0]); /* before it is read, so that a change meanwhile is seen */
	stat(options->tls_key, &made.seen[1]);
	int rc = read_pem(options->tls_cert, diags, &made.cert);
	if (rc == ISB_OK)
		rc = read_pem(options->tls_key, diags, &made.key);
	if (rc != ISB_OK) {
		isb_certificate_done(&made);
		return rc;
	}
	*ret = made;
	return ISB_OK;
}

void isb_certificate_done(struct isb_certificate *certificate)
{
	if (certificate->key)
		explicit_bzero(certificate->key, strlen(certificate->key));
	free(certificate->cert);
	free(certificate->key);
	*certificate = (struct isb_certificate){0};
}

static bool differs(const struct stat *a, const struct stat *b)
{
	return a->st_ino != b->st_ino || a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	       a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

bool isb_certificate_changed(const struct isb_control_options *options, struct isb_certificate *certificate,
                             bool always)
{
	struct stat now[2] = {0};
	stat(options->tls_cert, &now[0]);
	stat(options->tls_key, &now[1]);
	bool changed = differs(&now[0], &certificate->seen[0]) || differs(&now[1], &certificate->seen[1]);
	memcpy(certificate->seen, now, sizeof(now));
	return changed || always;
}
