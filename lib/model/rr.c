/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/rr.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "isobar/base/diag.h"
#include "isobar/base/err.h"
#include "isobar/base/wire.h"
#include "isobar/model/dname.h"

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* IANA's registry in the order of its numbers. */
static const struct type {
	uint16_t number;
	const char *name;
} types[] = {
	{1, "A"}, {2, "NS"}, {3, "MD"}, {4, "MF"}, {5, "CNAME"}, {6, "SOA"}, {7, "MB"}, {8, "MG"}, {9, "MR"},
	{10, "NULL"},
	{11, "WKS"}, {12, "PTR"}, {13, "HINFO"}, {14, "MINFO"}, {15, "MX"}, {16, "TXT"}, {17, "RP"}, {18, "AFSDB"},
	{19, "X25"}, {20, "ISDN"}, {21, "RT"}, {22, "NSAP"}, {23, "NSAP-PTR"}, {24, "SIG"}, {25, "KEY"}, {26, "PX"},
	{27, "GPOS"}, {28, "AAAA"}, {29, "LOC"}, {30, "NXT"}, {31, "EID"}, {32, "NIMLOC"}, {33, "SRV"}, {34, "ATMA"},
	{35, "NAPTR"}, {36, "KX"}, {37, "CERT"}, {38, "A6"}, {39, "DNAME"}, {40, "SINK"}, {41, "OPT"}, {42, "APL"},
	{43, "DS"}, {44, "SSHFP"}, {45, "IPSECKEY"}, {46, "RRSIG"}, {47, "NSEC"}, {48, "DNSKEY"}, {49, "DHCID"},
	{50, "NSEC3"}, {51, "NSEC3PARAM"}, {52, "TLSA"}, {53, "SMIMEA"}, {55, "HIP"}, {56, "NINFO"}, {57, "RKEY"},
	{58, "TALINK"}, {59, "CDS"}, {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"}, {63, "ZONEMD"}, {64, "SVCB"},
	{65, "HTTPS"}, {66, "DSYNC"}, {67, "HHIT"}, {68, "BRID"}, {99, "SPF"}, {100, "UINFO"}, {101, "UID"},
	{102, "GID"},
	{103, "UNSPEC"}, {104, "NID"}, {105, "L32"}, {106, "L64"}, {107, "LP"}, {108, "EUI48"}, {109, "EUI64"},
	{128, "NXNAME"}, {249, "TKEY"}, {250, "TSIG"}, {251, "IXFR"}, {252, "AXFR"}, {253, "MAILB"}, {254, "MAILA"},
	{255, "ANY"}, {256, "URI"}, {257, "CAA"}, {258, "AVC"}, {259, "DOA"}, {260, "AMTRELAY"}, {261, "RESINFO"},
	{262, "WALLET"}, {263, "CLA"}, {264, "IPN"}, {32768, "TA"}, {32769, "DLV"},
};

/* RFC 3597 §5. */
static int parse_generic(const char *text, uint16_t *ret_type)
{
	if (strncasecmp(text, "TYPE", 4) != 0 || !text[4])
		return ISB_EFORMAT;
	uint32_t number = 0;
	for (text += 4; *text; text++) {
		if (*text < '0' || *text > '9')
			return ISB_EFORMAT;
		number = number * 10 + (uint32_t)(*text - '0');
		if (number > UINT16_MAX)
			return ISB_EFORMAT;
	}
	*ret_type = (uint16_t)number;
	return ISB_OK;
}

int isb_type_parse(const char *text, uint16_t *ret_type)
{
	for (size_t i = 0; i < LEN(types); i++) {
		if (strcasecmp(text, types[i].name) == 0) {
			*ret_type = types[i].number;
			return ISB_OK;
		}
	}
	return parse_generic(text, ret_type);
}

char *isb_type_print(uint16_t type, char out[ISB_TYPE_TEXT])
{
	size_t low = 0, high = LEN(types);
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (types[mid].number < type)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < LEN(types) && types[low].number == type)
		snprintf(out, ISB_TYPE_TEXT, "%s", types[low].name);
	else
		snprintf(out, ISB_TYPE_TEXT, "TYPE%u", type);
	return out;
}

const char *isb_type_nearest(const char *text)
{
	const char *words[LEN(types) + 1];
	for (size_t i = 0; i < LEN(types); i++)
		words[i] = types[i].name;
	words[LEN(types)] = NULL;
	return isb_nearest(text, words);
}

bool isb_type_is_data(uint16_t type)
{
	return type != 0 && type != ISB_OPT && !(type >= 128 && type <= 255);
}

/* Names may be compressed in types of RFC 1035 only; later ones with additional data name it in their own RFC (AFSDB,
 * RT 1183; KX 2230; SRV 2782; LP 6742; SVCB 9460 §4.1). `least` and `most` bound what follows the names; for types of
 * fixed size without names, the whole. A row of zeros: opaque octets. */
static const struct row {
	struct isb_rdata_layout layout;
	uint16_t least, most;
} rows[] = {
	[ISB_A] = {{0, 0, false, -1}, 4, 4},
	[ISB_NS] = {{0, 1, true, 0}, 0, 0},
	[3 /* MD */] = {{0, 1, true, 0}, 0, 0},
	[4 /* MF */] = {{0, 1, true, 0}, 0, 0},
	[ISB_CNAME] = {{0, 1, true, -1}, 0, 0},
	[ISB_SOA] = {{0, 2, true, -1}, 20, 20},
	[7 /* MB */] = {{0, 1, true, 0}, 0, 0},
	[8 /* MG */] = {{0, 1, true, -1}, 0, 0},
	[9 /* MR */] = {{0, 1, true, -1}, 0, 0},
	[ISB_PTR] = {{0, 1, true, -1}, 0, 0},
	[14 /* MINFO */] = {{0, 2, true, -1}, 0, 0},
	[ISB_MX] = {{2, 1, true, 0}, 0, 0},
	[17 /* RP */] = {{0, 2, false, -1}, 0, 0},
	[18 /* AFSDB */] = {{2, 1, false, 0}, 0, 0},
	[21 /* RT */] = {{2, 1, false, 0}, 0, 0},
	[24 /* SIG */] = {{18, 1, false, -1}, 1, UINT16_MAX},
	[26 /* PX */] = {{2, 2, false, -1}, 0, 0},
	[ISB_AAAA] = {{0, 0, false, -1}, 16, 16},
	[30 /* NXT */] = {{0, 1, false, -1}, 0, UINT16_MAX},
	[ISB_SRV] = {{6, 1, false, 0}, 0, 0},
	[36 /* KX */] = {{2, 1, false, 0}, 0, 0},
	[ISB_DNAME] = {{0, 1, false, -1}, 0, 0},
	[ISB_RRSIG] = {{18, 1, false, -1}, 1, UINT16_MAX},
	[ISB_NSEC] = {{0, 1, false, -1}, 0, UINT16_MAX},
	[58 /* TALINK */] = {{0, 2, false, -1}, 0, 0},
	[ISB_SVCB] = {{2, 1, false, 0}, 0, UINT16_MAX},
	[ISB_HTTPS] = {{2, 1, false, 0}, 0, UINT16_MAX},
	[107 /* LP */] = {{2, 1, false, 0}, 0, 0},
};

static const struct row *row_of(uint16_t type)
{
	bool known = type < LEN(rows) && (rows[type].layout.names || rows[type].most);
	return known ? &rows[type] : NULL;
}

const struct isb_rdata_layout *isb_rdata_layout(uint16_t type)
{
	const struct row *row = row_of(type);
	return row && row->layout.names ? &row->layout : NULL;
}

bool isb_rdata_check(uint16_t type, const uint8_t *rdata, size_t len)
{
	const struct row *row = row_of(type);
	if (!row)
		return len <= UINT16_MAX;
	struct isb_reader r = isb_reader(rdata, len);
	isb_read(&r, row->layout.skip);
	for (unsigned i = 0; i < row->layout.names && !r.bad; i++) {
		int name = isb_dname_check(rdata + r.pos, len - r.pos);
		if (name < 0)
			return false;
		isb_read(&r, (size_t)name);
	}
	return !r.bad && len <= UINT16_MAX && len - r.pos >= row->least && len - r.pos <= row->most;
}

bool isb_rrset_check(const struct isb_rrset *set, size_t bytes)
{
	if (bytes < sizeof(*set) || set->size != bytes - sizeof(*set) || set->count == 0)
		return false;
	struct isb_reader r = isb_reader(set->rdata, set->size);
	for (unsigned i = 0; i < set->count; i++) {
		uint16_t len = isb_read_u16(&r);
		const uint8_t *rdata = isb_read(&r, len);
		if (!rdata || !isb_rdata_check(set->type, rdata, len))
			return false;
	}
	return r.pos == r.len;
}
