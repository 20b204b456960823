/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "isobar/base/err.h"

enum { CAPABILITIES = 64 };

/* --- Who --- */

static int find_group(const char *name, gid_t *ret_gid, struct isb_diags *diags)
{
	const struct group *group = getgrnam(name);
	if (!group) {
		isb_diag(diags, (struct isb_mark){0}, "there is no group '%s'; make it with: addgroup --system %s", name, name);
		return ISB_ENOTFOUND;
	}
	*ret_gid = group->gr_gid;
	return ISB_OK;
}

int isb_account_find(const char *text, struct isb_account *ret_account, struct isb_diags *diags)
{
	struct isb_account account = {.ngroup = ISB_ACCOUNT_GROUPS_MAX};
	size_t len = strcspn(text, ":");
	if (!len || len > ISB_ACCOUNT_NAME_MAX || (text[len] && !text[len + 1])) {
		isb_diag(diags, (struct isb_mark){0}, "'%s' is no user; write NAME or NAME:GROUP", text);
		return ISB_EINVAL;
	}
	memcpy(account.name, text, len);
	const struct passwd *user = getpwnam(account.name);
	if (!user) {
		isb_diag(diags, (struct isb_mark){0}, "there is no user '%s'; make it with: adduser --system --group %s",
		         account.name, account.name);
		return ISB_ENOTFOUND;
	}
	account.uid = user->pw_uid;
	account.gid = user->pw_gid;
	int rc = text[len] ? find_group(text + len + 1, &account.gid, diags) : ISB_OK;
	if (rc != ISB_OK)
		return rc;
	if (account.uid == 0 || account.gid == 0) {
		isb_diag(diags, (struct isb_mark){0}, "'%s' is root; name a user of its own, without rights", text);
		return ISB_EINVAL;
	}
	if (getgrouplist(account.name, account.gid, account.groups, &account.ngroup) < 0) {
		isb_diag(diags, (struct isb_mark){0}, "user '%s' is in more than %d groups", account.name,
		         (int)ISB_ACCOUNT_GROUPS_MAX);
		return ISB_ERANGE;
	}
	*ret_account = account;
	return ISB_OK;
}

/* --- Capabilities: three sets of 64 bits, in halves --- */

struct sets {
	struct __user_cap_data_struct half[2];
};

static int capabilities(long call, struct sets *sets)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	return syscall(call, &header, sets->half) == 0 ? 0 : -1;
}

static int set_capabilities(uint64_t keep)
{
	struct sets sets;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t bits = (uint32_t)(keep >> 32 * i);
		sets.half[i] = (struct __user_cap_data_struct){.effective = bits, .permitted = bits, .inheritable = bits};
	}
	return capabilities(SYS_capset, &sets);
}

static uint64_t held(void)
{
	struct sets sets;
	if (capabilities(SYS_capget, &sets) != 0)
		return UINT64_MAX;
	uint64_t held = 0;
	for (unsigned i = 0; i < 2; i++)
		held |= (uint64_t)(sets.half[i].permitted | sets.half[i].effective | sets.half[i].inheritable) << 32 * i;
	return held;
}

/* What is out of the bounding set cannot come back, whatever is executed. Only root may take it out. */
static int bound(uint64_t keep)
{
	for (unsigned cap = 0; cap < CAPABILITIES; cap++) {
		int in = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
		if (in < 0)
			return 0; /* past the last one this kernel has */
		if (in && !(keep >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
			return -1;
	}
	return 0;
}

/* So that an unprivileged program that we execute has them: our successor. */
static int make_ambient(uint64_t keep)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return -1;
	for (unsigned cap = 0; cap < CAPABILITIES; cap++)
		if (keep >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) != 0)
			return -1;
	return 0;
}

/* --- The drop --- */

static int refuse(struct isb_diags *diags, const struct isb_account *account, const char *what)
{
	isb_diag(diags, (struct isb_mark){0}, "cannot become user '%s': %s: %s", account->name, what, strerror(errno));
	return ISB_EREFUSED;
}

static int change_user(const struct isb_account *account, uint64_t keep, struct isb_diags *diags)
{
	if (bound(keep) != 0)
		return refuse(diags, account, "bounding capabilities");
	if (setgroups((size_t)account->ngroup, account->groups) != 0)
		return refuse(diags, account, "setgroups");
	if (setresgid(account->gid, account->gid, account->gid) != 0)
		return refuse(diags, account, "setresgid");
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresuid(account->uid, account->uid, account->uid) != 0)
		return refuse(diags, account, "setresuid");
	return prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 ? ISB_OK : refuse(diags, account, "PR_SET_KEEPCAPS");
}

/* Asks the kernel in place of believing the calls above. */
static int verify(const struct isb_account *account, uint64_t keep, struct isb_diags *diags)
{
	uid_t uids[3];
	gid_t gids[3];
	errno = EPERM;
	if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
		return refuse(diags, account, "getresuid");
	for (int i = 0; i < 3; i++)
		if (uids[i] != account->uid || gids[i] != account->gid)
			return refuse(diags, account, "another user or group is left");
	if (held() & ~keep)
		return refuse(diags, account, "capabilities are left");
	if (setuid(0) == 0 || setgid(0) == 0)
		return refuse(diags, account, "root can be had again");
	return ISB_OK;
}

int isb_privileges_drop(const struct isb_account *account, uint64_t keep, struct isb_diags *diags)
{
	if (geteuid() != 0 && geteuid() != account->uid) {
		isb_diag(diags, (struct isb_mark){0}, "only root can become user '%s'; start as root or as that user",
		         account->name);
		return ISB_EREFUSED;
	}
	if (geteuid() == 0) {
		int rc = change_user(account, keep, diags);
		if (rc != ISB_OK)
			return rc;
	} else {
		uint64_t mine = held();
		keep &= mine == UINT64_MAX ? 0 : mine;
	}
	if (set_capabilities(keep) != 0 || make_ambient(keep) != 0)
		return refuse(diags, account, "capset");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return refuse(diags, account, "PR_SET_NO_NEW_PRIVS");
	return verify(account, keep, diags);
}
