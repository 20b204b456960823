/* SPDX-License-Identifier: Apache-2.0 */
#include "isobar/model/schema.h"

#include <string.h>

#include "isobar/base/err.h"
#include "schema_parts.h"

/* The tables. A row's range and preset are read by the field's own type, so they cannot say one thing and mean
 * another; presets stand in the form in which the type prints them. */

#define AT(object, member) .offset = offsetof(struct object, member), .size = sizeof(((struct object *)0)->member)
#define LIST(object, member, count) \
	.offset = offsetof(struct object, member), .size = sizeof(*((struct object *)0)->member), \
	.count_at = offsetof(struct object, count)

const char *const isb_order_words[ISB_ORDER_COUNT + 1] = {
	[ISB_ORDER_FAILOVER] = "failover", [ISB_ORDER_WEIGHTED] = "weighted", [ISB_ORDER_ROTATE] = "rotate",
	[ISB_ORDER_GEO] = "geo", [ISB_ORDER_NEAREST] = "nearest", [ISB_ORDER_LATENCY] = "latency", [ISB_ORDER_HASH] = "hash",
	[ISB_ORDER_LEAST_LOAD] = "least-load", [ISB_ORDER_FASTEST] = "fastest", [ISB_ORDER_COUNT] = NULL};
const char *const isb_check_words[ISB_CHECK_TYPE_COUNT + 1] = {
	[ISB_CHECK_TCP] = "tcp", [ISB_CHECK_TCP_HALF_OPEN] = "tcp-half-open", [ISB_CHECK_TLS] = "tls",
	[ISB_CHECK_HTTP] = "http", [ISB_CHECK_HTTPS] = "https", [ISB_CHECK_DNS] = "dns", [ISB_CHECK_UDP] = "udp",
	[ISB_CHECK_ICMP] = "icmp", [ISB_CHECK_AGENT] = "agent", [ISB_CHECK_GRPC] = "grpc", [ISB_CHECK_SCRIPT] = "script",
	[ISB_CHECK_TYPE_COUNT] = NULL};
static const char *const rcode_words[] = { /* by number */
	"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE",
	NULL};
static const char *const http_words[] = {[ISB_HTTP_ANY] = "any", [ISB_HTTP_1] = "1.1", [ISB_HTTP_2] = "2", NULL};
static const char *const load_words[] = {
	[ISB_LOAD_NONE] = "", [ISB_LOAD_HAPROXY] = "haproxy", [ISB_LOAD_NGINX] = "nginx",
	[ISB_LOAD_PROMETHEUS] = "prometheus", [ISB_LOAD_JSON] = "json", NULL};
static const char *const all_down_words[] = {
	[ISB_ALL_DOWN_ALL] = "all", [ISB_ALL_DOWN_FALLBACK] = "fallback", [ISB_ALL_DOWN_NODATA] = "nodata",
	[ISB_ALL_DOWN_LAST] = "last", NULL};
static const char *const hash_words[] = {[ISB_HASH_NETWORK] = "network", [ISB_HASH_NAME] = "name", NULL};
static const char *const spread_words[] = {"none", "region", NULL};
static const char *const quorum_by_words[] = {
	[ISB_QUORUM_BY_PROBE] = "probe", [ISB_QUORUM_BY_REGION] = "region", NULL};
static const char *const unknown_words[] = {
	[ISB_UNKNOWN_HOLD] = "hold", [ISB_UNKNOWN_UP] = "up", [ISB_UNKNOWN_DOWN] = "down", NULL};

/* Pools and policies alike. */
#define STEERING_FIELDS(object) \
	{"hash.by", "word", "network, name", "network", .how = &isb_how_word, .words = hash_words, AT(object, hash.by), \
	 .help = "under order hash: the client's network or the name that is asked for chooses"}, \
	{"hash.ipv4", "integer", "1..32", "24", "bits", .how = &isb_how_integer, AT(object, hash.ipv4), \
	 .help = "under order hash by network: how long the network of an IPv4 client is"}, \
	{"hash.ipv6", "integer", "1..128", "56", "bits", .how = &isb_how_integer, AT(object, hash.ipv6), \
	 .help = "the same for IPv6"}, \
	{"hash.seed", "integer", "0..4294967295", "0", .how = &isb_how_integer, AT(object, hash.seed), \
	 .help = "under order hash: another seed deals the clients out in another way, the same one in the same way everywhere"}, \
	{"trickle", "integer", "0..50", "0", "per cent", .how = &isb_how_integer, AT(object, trickle), \
	 .help = "under order failover: share of answers that begin with the next one while the first is up, to keep it warm"}

static const struct isb_field region_fields[] = {
	{"location", "list of latitude and longitude", "-90..90, -180..180", .unit = "degrees", .required = true,
	 .how = &isb_how_location, .help = "where the region lies; north and east are positive, at most nine decimals"},
};

/* Types of check that read the same fields. */
#define HTTP "http, https"
#define CERTIFICATES "tls, https, grpc"
#define TALKS "tcp, tls, udp"

static const struct isb_field check_fields[] = {
	{"type", "word", "tcp, tcp-half-open, tls, http, https, dns, udp, icmp, agent, grpc, script", .required = true,
	 .how = &isb_how_word, .words = isb_check_words, AT(isb_check, type), .help = "the protocol that is spoken to the endpoint"},
	{"port", "integer", "1..65535", .how = &isb_how_integer, AT(isb_check, port),
	 .only = "tcp, tcp-half-open, tls, http, https, dns, udp, agent, grpc, script",
	 .help = "the port that is tested; without it the endpoint's, else 53, 80 or 443 by type"},
	{"host", "host name", "1..253", .unit = "octets", .how = &isb_how_host, AT(isb_check, host),
	 .only = "tls, " HTTP ", grpc",
	 .help = "Host header and TLS server name; without it the endpoint's host, else its address"},
	{"path", "path that begins with '/'", "1..2048", "/", "octets", .how = &isb_how_path, AT(isb_check, path),
	 .only = HTTP, .help = "what is requested"},
	{"http", "word", "any, 1.1, 2", "any", .how = &isb_how_word, .words = http_words, AT(isb_check, http),
	 .only = HTTP, .help = "the version that must be spoken; any: 2 where TLS agrees on it, else 1.1"},
	{"method", "word", "GET, HEAD, POST, OPTIONS", "GET", .how = &isb_how_choice, AT(isb_check, method),
	 .only = HTTP, .help = "how it is requested"},
	{"headers", "list of headers such as 'Name: value'", "3..1024", .unit = "octets", .how = &isb_how_header, .most = 32,
	 .only = HTTP ", grpc", LIST(isb_check, headers.list, headers.count), .help = "more headers of the request"},
	{"send", "text", "1..4096", .unit = "octets", .how = &isb_how_text, AT(isb_check, send),
	 .only = TALKS ", agent, " HTTP,
	 .help = "what is sent first, with method POST as the body; line ends stand in double quotes, as \"QUIT\\r\\n\""},
	{"send_hex", "even number of hexadecimal digits", "2..8192", .how = &isb_how_hex, AT(isb_check, send_hex),
	 .only = TALKS, .help = "what is sent first, where it is no text"},
	{"service", "text", "1..255", .unit = "octets", .how = &isb_how_line, AT(isb_check, service), .only = "grpc",
	 .help = "the service whose health is asked for; without it the whole server's"},
	{"redirects", "integer", "0..10", "0", .how = &isb_how_integer, AT(isb_check, redirects), .only = HTTP,
	 .help = "how many redirects on the same host are followed; 0: a redirect is the reply"},
	{"keep_alive", "boolean", "true, false", "false", .how = &isb_how_bool, AT(isb_check, keep_alive),
	 .only = HTTP ", grpc",
	 .help = "whether the connection is kept for the next test; a new one tests more and costs more"},
	{"query.name", "domain name", .how = &isb_how_dname, AT(isb_check, query_name), .only = "dns",
	 .help = "the name that is asked for"},
	{"query.type", "record type", .preset = "A", .how = &isb_how_qtype, AT(isb_check, query_type), .only = "dns",
	 .help = "the type that is asked for"},
	{"query.recursion", "boolean", "true, false", "true", .how = &isb_how_bool, AT(isb_check, recursion), .only = "dns",
	 .help = "whether recursion is desired: false asks an authoritative server for its own data"},
	{"expect.status", "list of HTTP statuses", "100..599", "200-399", .how = &isb_how_status, .most = 64, .only = HTTP,
	 LIST(isb_check, statuses, nstatus), .help = "statuses that count as success, as 204 or 200-299"},
	{"expect.body", "text", "1..4096", .unit = "octets", .how = &isb_how_text, AT(isb_check, body),
	 .only = TALKS ", " HTTP,
	 .help = "must stand somewhere in the first 64 KiB of the reply (http and https: of its body, besides the status)"},
	{"expect.regex", "regular expression", "1..1024", .unit = "octets", .how = &isb_how_regex, AT(isb_check, regex),
	 .only = HTTP, .help = "must match somewhere in the first 64 KiB of the reply's body, besides the status"},
	{"expect.header", "list of headers such as Name or 'Name: value'", "1..1024", .unit = "octets",
	 .how = &isb_how_expect_header, .most = 16, .only = HTTP,
	 LIST(isb_check, expect_headers.list, expect_headers.count), .help = "the reply must have them all"},
	{"expect.json", "list of paths such as status.db, or 'status.db: ok' with a value", "1..1024", .unit = "octets",
	 .how = &isb_how_json, .most = 16, .only = HTTP, LIST(isb_check, expect_json.list, expect_json.count),
	 .help = "what must stand in a JSON body of at most 64 KiB"},
	{"expect.latency", "duration", "1ms..1h", .how = &isb_how_span_ms, AT(isb_check, latency_ms),
	 .only = HTTP ", grpc", .help = "a test that takes longer has failed, though the reply was good"},
	{"expect.days", "integer", "1..3650", .unit = "days", .how = &isb_how_integer, AT(isb_check, days), .only = "tls",
	 .help = "the certificate must be valid for at least this long"},
	{"expect.rcode", "list of words", "NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, YXRRSET, NXRRSET, "
	 "NOTAUTH, NOTZONE", "NOERROR", .how = &isb_how_word, .words = rcode_words, .most = 11, LIST(isb_check, rcodes, nrcode),
	 .only = "dns", .help = "response codes that count as success"},
	{"expect.address", "list of addresses", .how = &isb_how_address, .most = 64, LIST(isb_check, addresses, naddress),
	 .only = "dns", .help = "one of them must be among the answers"},
	{"tls", "boolean", "true, false", "false", .how = &isb_how_bool, AT(isb_check, tls), .only = "grpc",
	 .help = "whether TLS is spoken below it"},
	{"verify", "boolean", "true, false", "true", .how = &isb_how_bool, AT(isb_check, verify), .only = CERTIFICATES,
	 .help = "whether the certificate must be valid for the host"},
	{"ca_file", "file name", "1..4096", .unit = "octets", .how = &isb_how_line, AT(isb_check, ca_file),
	 .only = CERTIFICATES, .help = "PEM file of the authorities that may sign the certificate; without it the system's"},
	{"client_cert", "file name", "1..4096", .unit = "octets", .how = &isb_how_line, AT(isb_check, client_cert),
	 .only = CERTIFICATES, .help = "PEM file of the certificate that is shown when the server asks for one, and its chain"},
	{"client_key", "file name", "1..4096", .unit = "octets", .how = &isb_how_line, AT(isb_check, client_key),
	 .only = CERTIFICATES, .help = "PEM file of its private key; without it the key is looked for in client_cert"},
	{"alpn", "list of protocols such as h2", "1..64", .unit = "octets", .how = &isb_how_alpn, .most = 16, .only = "tls",
	 LIST(isb_check, alpn.list, alpn.count), .help = "protocols that are offered; the server must take one of them"},
	{"command", "list of texts", "0..1024", .unit = "octets", .how = &isb_how_text, .most = 32, .only = "script",
	 LIST(isb_check, command.list, command.count),
	 .help = "the name of a file in the directory that the probe takes scripts from, and its arguments"},
	{"interval", "duration", "10ms..1d", "5s", .how = &isb_how_span_ms, AT(isb_check, interval_ms),
	 .help = "time from the start of one test to the start of the next"},
	{"timeout", "duration", "1ms..1h", "2s", .how = &isb_how_span_ms, AT(isb_check, timeout_ms),
	 .help = "a test that takes longer has failed"},
	{"down_interval", "duration", "10ms..1d", .how = &isb_how_span_ms, AT(isb_check, down_interval_ms),
	 .help = "interval while the endpoint is down; without it the same as when it is up"},
	{"retry", "duration", "0s..1h", "500ms", .how = &isb_how_span_ms, AT(isb_check, retry_ms),
	 .help = "a first failure is tested again after this time, if that is sooner than the interval; 0s: never"},
	{"rise", "integer", "1..64", "2", .how = &isb_how_integer, AT(isb_check, rise),
	 .help = "successes in a row that make a down endpoint up"},
	{"fall", "integer", "1..64", "3", .how = &isb_how_integer, AT(isb_check, fall),
	 .help = "failures in a row that make an up endpoint down"},
	{"quorum", "quorum", "majority, any, all, at-least N or N%", "majority", .how = &isb_how_quorum,
	 AT(isb_check, quorum), .help = "how many probes with fresh observations must agree"},
	{"quorum_by", "word", "probe, region", "probe", .how = &isb_how_word, .words = quorum_by_words,
	 AT(isb_check, quorum_by),
	 .help = "region: the probes of a region make one vote by majority, and the quorum is one of regions"},
	{"flap_limit", "integer", "0..20", "3", .how = &isb_how_integer, AT(isb_check, flap_limit),
	 .help = "falls in short succession, after which each further one doubles rise; 0 damps nothing"},
	{"soft.json", "path such as load.health", "1..255", .unit = "octets", .how = &isb_how_json_path,
	 AT(isb_check, soft_json), .only = HTTP,
	 .help = "where a JSON body says the endpoint's own health, 0 to 100; it multiplies the weight"},
	{"soft.latency", "pair of durations such as 100ms..500ms", "1ms..1m", .how = &isb_how_span_pair,
	 AT(isb_check, soft_latency), .help = "soft health goes from 100 at the first smoothed latency to 1 at the second"},
	{"load.format", "word", "haproxy, nginx, prometheus, json", .how = &isb_how_word, .words = load_words,
	 AT(isb_check, load.format), .only = HTTP,
	 .help = "how the page says the endpoint's load: HAProxy's statistics as CSV, nginx's stub_status, or one value out of many"},
	{"load.proxy", "name", "1..255", .unit = "octets", .how = &isb_how_line, AT(isb_check, load.proxy), .only = HTTP,
	 .help = "format haproxy: the pxname of the row, a frontend's or backend's name"},
	{"load.server", "name", "1..255", .unit = "octets", .how = &isb_how_line, AT(isb_check, load.server), .only = HTTP,
	 .help = "format haproxy: the svname of the row: FRONTEND, a server's name or BACKEND, the default"},
	{"load.field", "name of a column", "1..64", .unit = "octets", .how = &isb_how_line, AT(isb_check, load.field), .only = HTTP,
	 .help = "format haproxy: the column that counts; without it scur, the sessions of now"},
	{"load.metric", "name of a metric", "1..255", .unit = "octets", .how = &isb_how_metric, AT(isb_check, load.metric),
	 .only = HTTP, .help = "format prometheus: the metric that counts"},
	{"load.labels", "list of labels such as 'name: value'", "4..512", .unit = "octets", .how = &isb_how_label, .most = 16,
	 .only = HTTP, LIST(isb_check, load.labels.list, load.labels.count),
	 .help = "format prometheus: labels that the series must have; the first one that has them all counts"},
	{"load.path", "path such as load.current", "1..255", .unit = "octets", .how = &isb_how_json_path,
	 AT(isb_check, load.path), .only = HTTP, .help = "format json: where in a body of at most 64 KiB the number stands"},
	{"load.capacity", "integer", "1..2147483647", .how = &isb_how_integer, AT(isb_check, load.capacity), .only = HTTP,
	 .help = "the value at which an endpoint that has no 'capacity' of its own is full; haproxy's scur has the row's slim for it"},
};

static const struct isb_field pool_fields[] = {
	{"check", "name of a check", .how = &isb_how_name, AT(isb_pool, check),
	 .help = "how the endpoints are tested; without it they are always up"},
	{"feed", "name of a check", .how = &isb_how_name, AT(isb_pool, feed),
	 .help = "a second check that brings soft health and load and never a verdict"},
	{"order", "word", "failover, weighted, rotate, nearest, latency, hash, least-load, fastest", "weighted",
	 .how = &isb_how_word, .words = isb_order_words, AT(isb_pool, order), .help = "how the endpoints are ranked"},
	STEERING_FIELDS(isb_pool),
	{"answers", "integer", "1..64 or all", "1", .how = &isb_how_answers, AT(isb_pool, answers),
	 .help = "how many endpoints one answer holds; all is at most 64, for size"},
	{"min_up", "number or share", "1..65535 or 1%..100%", "1", .how = &isb_how_min_up, AT(isb_pool, min_up),
	 .help = "how many endpoints must be usable before the pool can answer"},
	{"spread", "word", "none, region", "none", .how = &isb_how_word, .words = spread_words, AT(isb_pool, spread),
	 .help = "region: several endpoints in one answer lie in different regions where possible"},
	{"unknown", "word", "hold, up, down", "hold", .how = &isb_how_word, .words = unknown_words, AT(isb_pool, unknown),
	 .help = "what endpoints without fresh evidence count as: what they were before, up, or down"},
	{"slow_start", "duration", "0s..1h", "0s", .how = &isb_how_span_ms, AT(isb_pool, slow_start_ms),
	 .help = "a recovered endpoint's weight grows from nothing to the whole in this time"},
	{"failback", "word auto or manual, or 'after' and a duration", "1s..7d", "auto", .how = &isb_how_failback,
	 AT(isb_pool, failback_ms),
	 .help = "when a recovered endpoint serves again: at once, after it was up that long, or when an operator says so"},
	{"endpoints", "map of endpoints", .how = &isb_how_endpoints, .help = "the pool's endpoints by name"},
};

static const struct isb_field endpoint_fields[] = {
	{"region", "name of a region", .how = &isb_how_name, AT(isb_endpoint, region),
	 .help = "where the endpoint stands; orders nearest and latency need it"},
	{"address", "list of addresses", .how = &isb_how_address, .most = 64, LIST(isb_endpoint, addresses, naddress),
	 .help = "what A and AAAA records answer"},
	{"host", "host name", "1..253", .unit = "octets", .how = &isb_how_host, AT(isb_endpoint, host),
	 .help = "target of ALIAS, CNAME, HTTPS, MX, SRV and SVCB records, and name for checks"},
	{"port", "integer", "1..65535", .how = &isb_how_integer, AT(isb_endpoint, port),
	 .help = "port of HTTPS, SRV and SVCB records, and for checks that name none"},
	{"weight", "integer", "0..65535", "1", .how = &isb_how_integer, AT(isb_endpoint, weight),
	 .help = "share among endpoints of equal rank; 0 is taken only when nothing else can answer"},
	{"tier", "integer", "0..255", "0", .how = &isb_how_integer, AT(isb_endpoint, tier),
	 .help = "under order failover, lower tiers come first"},
	{"capacity", "integer", "1..2147483647", .how = &isb_how_integer, AT(isb_endpoint, capacity),
	 .help = "the value of a check's 'load' at which the endpoint is full; without it the check's load.capacity"},
	{"priority", "number or word", "0..65535 or tier", "tier", .how = &isb_how_priority, AT(isb_endpoint, priority),
	 .help = "of HTTPS, MX, SRV and SVCB records; tier: the tier (SRV), from 1 on (HTTPS, SVCB), in tens (MX)"},
	{"text", "list of texts", "0..2048", .unit = "octets", .how = &isb_how_text, .most = 16,
	 LIST(isb_endpoint, texts.list, texts.count), .help = "strings of the TXT record; longer ones are split every 255"},
	{"alpn", "list of protocols such as h2", "1..64", .unit = "octets", .how = &isb_how_alpn, .most = 16,
	 LIST(isb_endpoint, alpn.list, alpn.count), .help = "in HTTPS and SVCB records, protocols that the endpoint speaks"},
	{"no_default_alpn", "boolean", "true, false", "false", .how = &isb_how_bool, AT(isb_endpoint, no_default_alpn),
	 .help = "in HTTPS and SVCB records, that it speaks the protocols of alpn only"},
	{"hints", "boolean", "true, false", "true", .how = &isb_how_bool, AT(isb_endpoint, hints),
	 .help = "whether HTTPS and SVCB records tell the addresses too (ipv4hint, ipv6hint)"},
	{"ech", "base64 text", "4..2048", .unit = "octets", .how = &isb_how_base64, AT(isb_endpoint, ech),
	 .help = "in HTTPS and SVCB records, the configuration for encrypted Client Hello"},
	{"dohpath", "URI template that begins with '/'", "1..256", .unit = "octets", .how = &isb_how_path,
	 AT(isb_endpoint, dohpath), .help = "in SVCB records of resolvers, the path of DNS over HTTPS, with {?dns}"},
};

static const struct isb_field policy_fields[] = {
	{"order", "word", "failover, weighted, rotate, geo, nearest, latency, hash, least-load, fastest", "failover",
	 .how = &isb_how_word, .words = isb_order_words, AT(isb_policy_node, order), .help = "how the children are ranked"},
	STEERING_FIELDS(isb_policy_node),
	{"of", "list of pools, policies and policies in place", .how = &isb_how_of,
	 .help = "the children of every order but geo"},
	{"rules", "list of rules", .how = &isb_how_rules, .help = "the children of order geo"},
};

static const struct isb_field child_fields[] = {
	{"use", "name of a pool or policy", .required = true, .how = &isb_how_use,
	 .help = "the child; a list is a failover, a map a policy in place"},
	{"weight", "integer", "0..65535", "1", .how = &isb_how_integer, AT(isb_policy_child, weight),
	 .help = "share among children of equal rank; 0 is taken only when nothing else can answer"},
	{"bias", "integer", "-99..99", "0", "per cent", .how = &isb_how_integer, AT(isb_policy_child, bias),
	 .help = "under order nearest, how much nearer the child is taken to be"},
};

static const struct isb_field rule_fields[] = {
	{"nets", "list of networks", .how = &isb_how_net, LIST(isb_policy_child, match.nets, match.nnet),
	 .help = "networks of clients"},
	{"asn", "list of AS numbers", "1..4294967295", .how = &isb_how_asn,
	 LIST(isb_policy_child, match.asns, match.nasn), .help = "autonomous systems of clients"},
	{"city", "list of cities such as US/Boston", "4..128", .unit = "octets", .how = &isb_how_city,
	 LIST(isb_policy_child, match.cities.list, match.cities.count), .help = "country and city, in English"},
	{"subdivision", "list of ISO 3166-2 codes such as US-CA", .how = &isb_how_subdivision,
	 LIST(isb_policy_child, match.subdivisions.list, match.subdivisions.count), .help = "states and provinces"},
	{"country", "list of ISO 3166-1 codes such as KR", .how = &isb_how_country,
	 LIST(isb_policy_child, match.countries.list, match.countries.count), .help = "countries"},
	{"continent", "list of words", "AF, AN, AS, EU, NA, OC, SA", .how = &isb_how_choice,
	 LIST(isb_policy_child, match.continents.list, match.continents.count), .help = "continents"},
	{"default", "boolean", "true, false", "false", .how = &isb_how_bool, AT(isb_policy_child, match.is_default),
	 .help = "matches whatever no other rule matches"},
	{"use", "name of a pool or policy", .required = true, .how = &isb_how_use,
	 .help = "who answers; a list is a failover, a map a policy in place"},
	{"fence", "boolean", "true, false", "false", .how = &isb_how_bool, AT(isb_policy_child, fence),
	 .help = "never leave this rule, whatever is down"},
};

static const struct isb_field zone_fields[] = {
	{"file", "file name", "1..4096", .unit = "octets", .how = &isb_how_line, .outside = true, AT(isb_zone, file),
	 .help = "RFC 1035 master file with the ordinary records, relative to the catalog's directory"},
	{"text", "text", .how = &isb_how_zone_text, .outside = true, .help = "the same in place"},
	{"records", "map of records", .how = &isb_how_records, .outside = true,
	 .help = "what is steered, by owner name: relative to the zone, or @ for the zone itself"},
};

static const struct isb_field record_fields[] = {
	{"types", "list of words", "A, AAAA, ALIAS, CNAME, HTTPS, MX, SRV, SVCB, TXT", .required = true,
	 .how = &isb_how_rrtype, .most = 8, LIST(isb_record, types, ntype),
	 .help = "the types that are answered by the policy; ALIAS: the addresses that the endpoint's host has"},
	{"ttl", "duration", "1s..7d", "30s", .how = &isb_how_span_s, AT(isb_record, ttl_s),
	 .help = "how long resolvers may keep an answer"},
	{"ttl_min", "duration", "0s..7d", "5s", .how = &isb_how_span_s, AT(isb_record, ttl_min_s),
	 .help = "health that is about to change shortens the TTL down to this"},
	{"policy", "name of a policy or pool", .required = true, .how = &isb_how_name, AT(isb_record, policy),
	 .help = "what chooses the answer"},
	{"all_down", "word", "all, fallback, nodata, last", "all", .how = &isb_how_word,
	 .words = all_down_words, AT(isb_record, all_down),
	 .help = "when nothing can answer: as if all were up, the ordinary records underneath, no data, or the last good answer"},
};

static const struct kind {
	const char *name, *plural;
	const struct isb_field *fields;
	size_t count;
} kinds[ISB_KIND_COUNT] = {
	[ISB_REGION] = {"region", "regions", region_fields, ISB_LEN(region_fields)},
	[ISB_CHECK] = {"check", "checks", check_fields, ISB_LEN(check_fields)},
	[ISB_POOL] = {"pool", "pools", pool_fields, ISB_LEN(pool_fields)},
	[ISB_POLICY] = {"policy", "policies", policy_fields, ISB_LEN(policy_fields)},
	[ISB_ZONE] = {"zone", "zones", zone_fields, ISB_LEN(zone_fields)},
	[ISB_RECORD] = {"record", "records", record_fields, ISB_LEN(record_fields)},
};

const char *isb_kind_name(enum isb_kind kind)
{
	return kinds[kind].name;
}

const char *isb_kind_plural(enum isb_kind kind)
{
	return kinds[kind].plural;
}

int isb_kind_parse(const char *text, enum isb_kind *ret_kind)
{
	for (unsigned i = 0; i < ISB_KIND_COUNT; i++) {
		if (strcmp(text, kinds[i].name) == 0 || strcmp(text, kinds[i].plural) == 0) {
			*ret_kind = (enum isb_kind)i;
			return ISB_OK;
		}
	}
	return ISB_EFORMAT;
}

size_t isb_fields(enum isb_kind kind, const struct isb_field **ret_fields)
{
	*ret_fields = kinds[kind].fields;
	return kinds[kind].count;
}

size_t isb_endpoint_fields(const struct isb_field **ret_fields)
{
	*ret_fields = endpoint_fields;
	return ISB_LEN(endpoint_fields);
}

size_t isb_child_fields(const struct isb_field **ret_fields)
{
	*ret_fields = child_fields;
	return ISB_LEN(child_fields);
}

size_t isb_rule_fields(const struct isb_field **ret_fields)
{
	*ret_fields = rule_fields;
	return ISB_LEN(rule_fields);
}
