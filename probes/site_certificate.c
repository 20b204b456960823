/* SPDX-License-Identifier: Apache-2.0 */
#include "site_certificate.h"

#include "isobar/base/err.h"
#include "isobar/base/log.h"

int isb_site_certificate_init(struct isb_site_certificate *own, const struct isb_tls_files *from)
{
	char why[ISB_TLS_WHY];
	*own = (struct isb_site_certificate){.from = from, .look = isb_tls_files_look(from)};
	if (isb_tls_new(from, true, &own->tls, why) != ISB_OK) {
		isb_log(ISB_LOG_ERROR, "certificate-unusable", "reason=\"%s\"", why);
		return ISB_EINVAL;
	}
	isb_site_certificate_warn(own);
	return ISB_OK;
}

void isb_site_certificate_renew(struct isb_site_certificate *own)
{
	char why[ISB_TLS_WHY];
	struct isb_tls *fresh;
	uint64_t look = isb_tls_files_look(own->from);
	if (!look || look == own->look)
		return;
	own->look = look;
	if (isb_tls_new(own->from, true, &fresh, why) != ISB_OK) {
		isb_log(ISB_LOG_ERROR, "certificate-kept", "reason=\"%s\" the one in use stays", why);
		return;
	}
	isb_tls_free(own->tls);
	own->tls = fresh;
	isb_log(ISB_LOG_INFO, "certificate-renewed", "file=%s", own->from->cert);
	isb_site_certificate_warn(own);
}

/* Nothing fails on the day itself: connections stay, and those that break do not come back. */
void isb_site_certificate_warn(const struct isb_site_certificate *own)
{
	int days = isb_tls_days(own->tls);
	if (days < ISB_CERTIFICATE_SOON_DAYS)
		isb_log(ISB_LOG_WARNING, "certificate-ends", "file=%s days=%d reason=\"then no probe can connect; renew it\"",
		        own->from->cert, days);
}

void isb_site_certificate_warn_of(const struct isb_link *link, const char *name)
{
	int days = isb_link_peer_days(link);
	if (days < ISB_CERTIFICATE_SOON_DAYS)
		isb_log(ISB_LOG_WARNING, "certificate-ends", "name=%s days=%d reason=\"then it cannot connect; renew it there\"",
		        name, days);
}

void isb_site_certificate_done(struct isb_site_certificate *own)
{
	isb_tls_free(own->tls);
}
