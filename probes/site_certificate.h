/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "tls_link.h"

/* The certificate that a site shows to its probes: read again when its files change, and told of before it ends. */
struct isb_site_certificate {
	const struct isb_tls_files *from;
	struct isb_tls *tls;
	uint64_t look; /* of the files when they were read */
};

enum { ISB_CERTIFICATE_SOON_DAYS = 30 };

/* ISB_EINVAL after it was logged why. */
int isb_site_certificate_init(struct isb_site_certificate *own, const struct isb_tls_files *from);
/* Connections that are there stay: theirs was good when they came. */
void isb_site_certificate_renew(struct isb_site_certificate *own);
/* Warns when it ends soon. So does the other for what a probe has shown. */
void isb_site_certificate_warn(const struct isb_site_certificate *own);
void isb_site_certificate_warn_of(const struct isb_link *link, const char *name);
void isb_site_certificate_done(struct isb_site_certificate *own);
