# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The surroundings of a chapter of the book, sourced by its shell (test_book.py): a network of its own, where the
# addresses of documentation are this machine's, and load balancers for them.

ip link set lo up
for net in 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24; do
	ip route add local "$net" dev lo
done
ip -6 route add local 2001:db8::/32 dev lo

# new_store: an empty one, where every program finds it, with the countries of the world.
new_store() {
	export ISOBAR_STORE=$PWD/${1:-store}
	mkdir "$ISOBAR_STORE"
	ln -s "$GEO" "$ISOBAR_STORE/geo.mmdb"
}

# accepts ADDRESS PORT: whether somebody listens there.
accepts() { (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null; }

# until_true COMMAND…: asks until it holds, for 20 s at most.
until_true() {
	for _ in $(seq 200); do
		"$@" && return
		sleep 0.1
	done
	echo "never true: $*"
	return 1
}

# balancer NAME ADDRESS PORT [OPTION…]: starts a load balancer (balancer.py tells the options).
balancer() {
	python3 -B "$STAGE/balancer.py" "$@" >"$LOG/$1" 2>&1 &
	echo $! >"$LOG/$1.pid"
	until_true accepts "$2" "$3"
}

# stop NAME: stops it.
stop() {
	kill "$(cat "$LOG/$1.pid")" && wait "$(cat "$LOG/$1.pid")"
	rm "$LOG/$1.pid"
}

# certificate NAME DIRECTORY: a certificate for the name (cert.pem, key.pem), signed by an authority (ca.pem).
certificate() {
	mkdir "$2"
	cat >"$2/conf" <<-END
		[req]
		distinguished_name = dn
		[dn]
		[ca]
		basicConstraints = critical, CA:true
		[leaf]
		subjectAltName = DNS:$1
	END
	(
		cd "$2" || exit
		new='-config conf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
		# shellcheck disable=SC2086 # several words
		openssl req $new -x509 -days 2 -extensions ca -subj '/CN=the book' -keyout ca.key -out ca.pem &&
			openssl req $new -subj "/CN=$1" -keyout key.pem -out request.pem &&
			openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
				-extfile conf -extensions leaf -out cert.pem
	) >"$2/log" 2>&1
}
