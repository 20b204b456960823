/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdint.h>

#include "isobar/store/env.h"

/* The number that the next endpoint will get; every number in use is below. */
int isb_slots_next(struct isb_txn *txn, uint32_t *ret_next);

/* Gives the next number to what is no endpoint. ISB_EFULL when all were given once. */
int isb_slots_take(struct isb_txn *txn, uint32_t *ret_slot);

/* Makes the slot rows of one pool fit its body (NULL: there is no such pool any more): endpoints without a slot get the
 * next ones, in the order written; those no longer named lose theirs, and `gone` is told. ISB_EFORMAT when the body is
 * no map with a map of endpoints, ISB_EFULL when all numbers were given once. */
int isb_slots_settle(struct isb_txn *txn, const char *pool, const char *body,
                     int (*gone)(void *arg, const char *endpoint), void *arg);
