/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The small catalog that most stories begin with: three regions, checked load balancers, and a zone whose ordinary records
 * lie beneath the steered ones. Documentation networks stand for everything. */

#define REGIONS \
	"regions:\n" \
	"  seoul:     {location: [37.57, 126.98]}\n" \
	"  virginia:  {location: [38.95, -77.45]}\n" \
	"  frankfurt: {location: [50.11, 8.68]}\n"

#define CHECKS \
	"checks:\n" \
	"  web: {type: tcp, port: 443, interval: 5s, timeout: 2s, fall: 3, rise: 2}\n"

#define POOLS \
	"pools:\n" \
	"  asia:   {check: web, endpoints: {icn-1: {region: seoul, address: 192.0.2.10}}}\n" \
	"  us:     {check: web, endpoints: {iad-1: {region: virginia, address: [198.51.100.10, '2001:db8:1::10']}}}\n" \
	"  europe: {check: web, endpoints: {fra-1: {region: frankfurt, address: 203.0.113.10}}}\n"

#define ZONE_TEXT \
	"    text: |\n" \
	"      $TTL 3600\n" \
	"      @ SOA ns1 hostmaster 1 7200 1800 1209600 300\n" \
	"      @ NS ns1\n" \
	"      ns1 A 192.0.2.53\n" \
	"      www 120 A 192.0.2.80\n" \
	"      shop CNAME www\n"

#define ICN "192.0.2.10"
#define IAD "198.51.100.10"
#define FRA "203.0.113.10"
