/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#include "isobar/base/diag.h"

/* Giving up root, for daemons that no service manager starts as a user of their own. What they keep is what systemd/ gives
 * them: one user, its groups, at most a few capabilities, and no way back. Everything is opened after that, so that what a
 * start can read, a SIGHUP and a successor can read too. */

enum { ISB_ACCOUNT_GROUPS_MAX = 64, ISB_ACCOUNT_NAME_MAX = 63 };

struct isb_account {
	uid_t uid;
	gid_t gid;
	gid_t groups[ISB_ACCOUNT_GROUPS_MAX]; /* the supplementary ones, gid among them */
	int ngroup;
	char name[ISB_ACCOUNT_NAME_MAX + 1];
};

/* "isobard" or "isobard:dns", as the system knows them; without a group the user's own. ISB_ENOTFOUND, ISB_EINVAL (root,
 * which is nobody to become) or ISB_ERANGE with a sentence. */
int isb_account_find(const char *text, struct isb_account *ret_account, struct isb_diags *diags);

/* Becomes `account` for good: groups, user, the capabilities of `keep` (bits 1 << CAP_x) and no others, which pass on to
 * what is executed; nothing that is executed gains any (PR_SET_NO_NEW_PRIVS). Before there is a second thread, for each has
 * capabilities of its own. Who is that user already only loses what is left over. ISB_EREFUSED with a sentence when the
 * kernel did not do all of it, or would let it be undone: then end. */
int isb_privileges_drop(const struct isb_account *account, uint64_t keep, struct isb_diags *diags);
