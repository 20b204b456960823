/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The built-in table of countries: ISO 3166-1 and XK (Kosovo). It says which codes rules may name, and fills in where a geo
 * database has a country without a continent or a place. */
struct isb_country {
	char code[3], continent[3];
	float latitude, longitude; /* of the population-weighted middle, about */
};

/* Case is ignored; withdrawn codes give their successor (UK gives GB), so take `code` from the result. NULL: no such
 * country. */
const struct isb_country *isb_country_find(const char code[2]);
/* Where the average inhabitant of a continent lives; code is "" there. NULL: no such continent. */
const struct isb_country *isb_continent_find(const char code[2]);
