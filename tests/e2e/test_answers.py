# SPDX-License-Identifier: Apache-2.0
"""What a client gets from a running site: regions, scope, ordinary records, transports, hostile octets."""
import ipaddress
import random
import socket
import struct
import unittest

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

from harness import (AUSTRALIA, BRAZIL, FRANKFURT, GERMANY, JAPAN, KOREA, NAME, SEOUL, USA, VIRGINIA, SharedStory, ecs,
                     rdata, scope)


class Regions(SharedStory):
    def test_point_1_clients_in_korea_usa_and_germany_get_three_different_regions(self):
        got = {client: self.site.answer(client) for client in (KOREA, USA, GERMANY)}
        self.assertEqual(got, {KOREA: [SEOUL], USA: [VIRGINIA], GERMANY: [FRANKFURT]})

    def test_point_1_other_countries_follow_their_continent_or_the_default_rule(self):
        got = {client: self.site.answer(client) for client in (JAPAN, BRAZIL, AUSTRALIA)}
        self.assertEqual(got, {JAPAN: [SEOUL], BRAZIL: [VIRGINIA], AUSTRALIA: [VIRGINIA]})

    def test_point_1_the_reply_echoes_the_client_and_carries_a_scope(self):
        for client in (KOREA, USA, GERMANY, BRAZIL):
            reply = self.site.query(NAME, "A", client)
            option = next(iter(reply.options))
            self.assertEqual((option.address, option.srclen), ecs(client))
            self.assertIn(option.scopelen, range(1, 25), client)

    def test_point_4_a_client_in_ipv6_is_steered_too(self):
        self.assertEqual(self.site.answer("2001:4860:4860::/48"), [VIRGINIA])
        self.assertEqual(self.site.answer("2003:d0::/48"), [FRANKFURT])

    def test_point_4_no_scope_covers_two_clients_with_different_answers(self):
        rng = random.Random(20240607)
        for _ in range(400):
            address = ipaddress.ip_address(rng.randrange(1 << 24, 224 << 24))
            if not address.is_global:
                continue
            client = ipaddress.ip_network((address, 24), strict=False)
            reply = self.site.query(NAME, "A", client)
            bits = scope(reply)
            covered = ipaddress.ip_network((address, bits), strict=False)
            other = covered[rng.randrange(covered.num_addresses)]
            if other.is_global:
                self.assertEqual(self.site.answer(f"{other}/32"), rdata(reply), f"{client} has scope {covered}; {other}")

    def test_point_4_an_answer_that_does_not_depend_on_the_client_has_scope_0(self):
        for name, type_ in (("plain.example.com", "A"), ("example.com", "SOA"), ("nowhere.example.com", "A")):
            self.assertEqual(scope(self.site.query(name, type_, KOREA)), 0, name)

    def test_point_4_srv_records_follow_the_client_with_the_same_verdicts(self):
        for client, target in ((KOREA, "icn-1"), (USA, "iad-1"), (GERMANY, "fra-1")):
            got = self.site.answer(client, "_https._tcp.example.com", "SRV")
            self.assertEqual([text.split()[2:] for text in got], [[str(self.site.target_port), f"{target}.example.com."]])

    def test_point_4_aaaa_of_endpoints_without_ipv6_is_nodata_with_soa(self):
        reply = self.site.query(NAME, "AAAA", KOREA)
        self.assertEqual((reply.rcode(), reply.answer), (dns.rcode.NOERROR, []))
        self.assertEqual([rrset.rdtype for rrset in reply.authority], [dns.rdatatype.SOA])

    def test_point_4_a_cname_to_a_steered_name_is_followed(self):
        reply = self.site.query("alias.example.com", "A", KOREA)
        self.assertEqual(rdata(reply)[0].rstrip("."), "www" if len(rdata(reply)[0]) < 6 else NAME)
        self.assertEqual(rdata(reply)[1:], [SEOUL])

    def test_point_6_explain_says_what_a_query_gets(self):
        for client in (KOREA, USA, GERMANY, BRAZIL, JAPAN):
            reply = self.site.query(NAME, "A", client)
            told = self.site.cli("explain", NAME, "A", "--client", client)
            self.assertIn(rdata(reply)[0], told)
            self.assertIn(f"/{scope(reply)}", told)


class OrdinaryRecords(SharedStory):
    def status(self, name, type_="A"):
        reply = self.site.query(name, type_)
        return dns.rcode.to_text(reply.rcode()), rdata(reply), [dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.authority]

    def test_point_3_exact_names(self):
        self.assertEqual(self.status("plain.example.com"), ("NOERROR", ["192.0.2.80"], []))
        self.assertEqual(self.status("example.com", "MX")[1], ["10 mail.example.com."])

    def test_point_3_wildcards_and_empty_non_terminals(self):
        self.assertEqual(self.status("any.wild.example.com"), ("NOERROR", ["192.0.2.81"], []))
        self.assertEqual(self.status("ent.example.com"), ("NOERROR", [], ["SOA"]))

    def test_point_3_nxdomain_and_nodata_carry_the_soa(self):
        self.assertEqual(self.status("nowhere.example.com"), ("NXDOMAIN", [], ["SOA"]))
        self.assertEqual(self.status("plain.example.com", "MX"), ("NOERROR", [], ["SOA"]))

    def test_point_3_a_delegation_is_a_referral_with_glue(self):
        reply = self.site.query("host.sub.example.com")
        self.assertFalse(reply.flags & dns.flags.AA)
        self.assertEqual([dns.rdatatype.to_text(rrset.rdtype) for rrset in reply.authority], ["NS"])
        glue = [rd.to_text() for rrset in reply.additional for rd in rrset]
        self.assertEqual(glue, ["192.0.2.53"])

    def test_point_3_names_of_other_zones_are_refused(self):
        self.assertEqual(self.status("www.example.net")[0], "REFUSED")

    def test_point_3_the_case_of_the_question_is_preserved(self):
        asked = "wWw.ExAmPlE.cOm."
        reply = self.site.query(asked, "A", KOREA)
        self.assertEqual(reply.question[0].name.to_text(), asked)
        self.assertEqual(rdata(reply), [SEOUL])


class Transports(SharedStory):
    def test_point_3_tcp_gives_the_same_answers(self):
        for client in (KOREA, USA, GERMANY):
            self.assertEqual(self.site.answer(client, tcp=True), self.site.answer(client))

    def test_point_3_ipv6_gives_the_same_answers(self):
        if not self.site.ipv6:
            self.skipTest("this machine has no ::1")
        for client in (KOREA, USA, GERMANY):
            self.assertEqual(self.site.answer(client, server="::1"), self.site.answer(client))
            self.assertEqual(self.site.answer(client, server="::1", tcp=True), self.site.answer(client))

    def test_point_3_what_does_not_fit_is_truncated_and_whole_over_tcp(self):
        short = self.site.query("many.example.com", "A", edns=False)
        self.assertTrue(short.flags & dns.flags.TC)
        self.assertLessEqual(len(short.to_wire()), 512)
        whole = self.site.query("many.example.com", "A", tcp=True)
        self.assertFalse(whole.flags & dns.flags.TC)
        self.assertEqual(sorted(rdata(whole)), sorted(f"192.0.2.{n}" for n in range(1, 41)))

    def test_point_3_what_fits_the_clients_size_is_not_truncated(self):
        reply = self.site.query("many.example.com", "A", payload=1232)
        self.assertFalse(reply.flags & dns.flags.TC)
        self.assertEqual(len(rdata(reply)), 40)

    def test_point_3_several_queries_on_one_tcp_connection_are_all_answered(self):
        with socket.create_connection(("127.0.0.1", self.site.port), 5) as connection:
            wires = []
            for number in range(20):
                message = dns.message.make_query(NAME, "A")
                message.id = number
                wires.append(message.to_wire())
            connection.sendall(b"".join(struct.pack("!H", len(wire)) + wire for wire in wires))
            stream = connection.makefile("rb")
            ids = set()
            for _ in wires:
                (length,) = struct.unpack("!H", stream.read(2))
                ids.add(dns.message.from_wire(stream.read(length)).id)
        self.assertEqual(ids, set(range(20)))


class Hostile(SharedStory):
    def exchange(self, wire, timeout=1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect(("127.0.0.1", self.site.port))
            client.send(wire)
            try:
                return client.recv(65535)
            except TimeoutError:
                return None

    def test_random_octets_never_stop_the_server_and_are_never_amplified(self):
        rng = random.Random(7)
        good = dns.message.make_query(NAME, "A", use_edns=0).to_wire()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self.site.port))
            for _ in range(3000):
                wire = bytearray(good if rng.random() < 0.7 else rng.randbytes(rng.randrange(0, 600)))
                for _ in range(rng.randrange(0, 6)):
                    if wire:
                        wire[rng.randrange(len(wire))] = rng.randrange(256)
                client.send(wire[: rng.randrange(len(wire) + 1)])
        self.assertEqual(self.site.answer(KOREA), [SEOUL])
        self.assertTrue(self.site.server.running())

    def test_less_than_a_header_and_responses_are_dropped(self):
        query = dns.message.make_query(NAME, "A").to_wire()
        self.assertIsNone(self.exchange(query[:11], 0.3))
        self.assertIsNone(self.exchange(query[:2] + bytes([query[2] | 0x80]) + query[3:], 0.3))

    def test_a_question_cut_short_is_formerr_with_the_id_echoed(self):
        reply = self.exchange(dns.message.make_query(NAME, "A").to_wire()[:20])
        self.assertEqual(reply[3] & 15, dns.rcode.FORMERR)

    def test_an_unknown_opcode_is_notimp_and_an_edns_version_badvers(self):
        query = bytearray(dns.message.make_query(NAME, "A").to_wire())
        query[2] |= 6 << 3
        self.assertEqual(self.exchange(query)[3] & 15, dns.rcode.NOTIMP)
        newer = dns.message.make_query(NAME, "A", use_edns=0)
        newer.ednsflags |= 1 << 16
        self.assertEqual(dns.message.from_wire(self.exchange(newer.to_wire())).rcode(), dns.rcode.BADVERS)

    def test_a_tcp_client_that_says_nothing_does_not_hold_others_up(self):
        silent = [socket.create_connection(("127.0.0.1", self.site.port), 5) for _ in range(50)]
        try:
            self.assertEqual(self.site.answer(KOREA, tcp=True), [SEOUL])
        finally:
            for connection in silent:
                connection.close()


if __name__ == "__main__":
    unittest.main()
