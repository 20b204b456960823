/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "isobar/model/rr.h"

/* A tree of labels that never changes once published: the database of RFC 1034 §4.3.2, matched down label by label.
 * Each node is one immutable allocation with its rrsets inside and its children in a hash trie (64-way, bitmap and
 * popcount). An edit copies the path from the root to the changed node (a few small pieces of memory even under a
 * million siblings) and shares the rest; what the old version alone used is collected as garbage, to be freed once no
 * reader can hold the old root. One writer at a time; any number of readers without locks.
 *
 * The same tree serves twice: one per zone (labels below the apex, rrsets in the nodes) and one over all zones (one level
 * of whole apexes, `payload` is the zone). Empty non-terminals are nodes without rrsets. */

enum {
	ISB_NODE_CUT = 1,   /* owns NS and is not the apex: a delegation */
	ISB_NODE_DNAME = 2,
	ISB_NODE_CNAME = 4,
	ISB_NODE_WILD = 8   /* has a child "*" */
};
enum { ISB_NO_RECORD = 0xffffffff };

struct isb_kids;
struct isb_node {
	const struct isb_kids *kids; /* NULL: no children */
	void *payload;               /* tree of zones: struct isb_zone_view *; else NULL */
	uint32_t record;             /* number of the steering record laid over this name, or ISB_NO_RECORD */
	uint32_t bytes;              /* of all rrsets, paddings included */
	uint16_t nset;
	uint8_t flags;
	uint8_t label_len;           /* octets of the label without its length; 0 at the root of the tree */
	uint8_t data[];              /* label in lower case, padding to 4, then rrsets each padded to 4 */
};

/* Child with this label (already lower case, `len` octets without its length octet), or NULL. */
const struct isb_node *isb_node_child_of(const struct isb_node *node, const uint8_t *label, size_t len);
/* The same for a label that begins with its length octet, as in a name. */
static inline const struct isb_node *isb_node_child(const struct isb_node *node, const uint8_t *label)
{
	return isb_node_child_of(node, label + 1, label[0]);
}
/* rrset of a type, or NULL. */
const struct isb_rrset *isb_node_set(const struct isb_node *node, uint16_t type);
/* Steps through all: pass NULL first; NULL at the end. */
const struct isb_rrset *isb_node_next_set(const struct isb_node *node, const struct isb_rrset *previous);
/* How many children it has. */
size_t isb_node_children(const struct isb_node *node);
/* Every node of the tree in any order, each with its name relative to the root, as editing takes it (see below). */
void isb_names_walk(const struct isb_node *root,
                    void (*each)(void *arg, const uint8_t *dname, const struct isb_node *node), void *arg);
/* The same from the root down, as far as `each` wants: a node comes before what is below it. False: it was ended. */
enum isb_tour { ISB_TOUR_ON, ISB_TOUR_PAST /* what is below the node */, ISB_TOUR_END };
bool isb_names_tour(const struct isb_node *root,
                    enum isb_tour (*each)(void *arg, const uint8_t *dname, const struct isb_node *node), void *arg);

/* --- Editing ----------------------------------------------------------------------------------------------------- */

/* What one edit made and what it made useless. Names here are wire names relative to the root of the tree: for a zone's
 * tree the owner without the apex's labels, ended by a zero octet (the apex itself is the single zero octet). */
struct isb_names_edit;
/* Begins on `root` (NULL: an empty tree). */
struct isb_names_edit *isb_names_edit_new(const struct isb_node *root);
/* Replaces one rrset of a name (set NULL: takes that type away). Names in between come into being as empty
 * non-terminals; names left without rrsets, record, payload and children go away. */
void isb_names_put(struct isb_names_edit *edit, const uint8_t *name, uint16_t type, const struct isb_rrset *set);
void isb_names_put_record(struct isb_names_edit *edit, const uint8_t *name, uint32_t record);
void isb_names_put_payload(struct isb_names_edit *edit, const uint8_t *name, void *payload);
/* The name's node as the edit stands now, or NULL. */
const struct isb_node *isb_names_find(const struct isb_names_edit *edit, const uint8_t *name);

/* Ends the edit. commit gives the new root (never NULL: an empty tree has a bare root) and the pieces that only the old
 * version used; abort frees what the edit made and leaves the old tree as it was. Both free `edit`. */
struct isb_garbage; /* NULL is an empty one */
const struct isb_node *isb_names_commit(struct isb_names_edit *edit, struct isb_garbage **ret_garbage);
void isb_names_abort(struct isb_names_edit *edit);
void isb_garbage_free(struct isb_garbage *garbage);
/* Frees a whole tree that no reader can hold (not the payloads). */
void isb_names_free(const struct isb_node *root);
/* Nodes and octets of memory, for tests and metrics. */
void isb_names_measure(const struct isb_node *root, size_t *ret_nodes, size_t *ret_bytes);
