# SPDX-License-Identifier: Apache-2.0
# The body of a page of the book, from what cmark-gfm makes of FILE (a path from docs/): headings get anchors as
# forges name them, links to .md lead to pages, files get their names, commands are bold, comments go. The headings of
# the second level go to HEADINGS as items of a list; links that leave docs/ become text, and what they name goes to
# OUTSIDE.

BEGIN {
	directory = file
	if (!sub(/\/[^\/]*$/, "", directory)) directory = "."
}

# As GitHub does: lower case, blanks to dashes, all else that is no letter, digit, dash or underscore goes; a second one
# gets -1.
function anchor(text,    name) {
	gsub(/<[^>]*>/, "", text)
	gsub(/&[a-z]+;/, "", text)
	name = tolower(text)
	gsub(/[^a-z0-9 _-]/, "", name)
	gsub(/ /, "-", name)
	if (name in anchors) return name "-" ++anchors[name]
	anchors[name] = 0
	return name
}

function heading(line,    level, text, name) {
	level = substr(line, 3, 1)
	text = substr(line, 5, length(line) - 9)
	name = anchor(text)
	if (level == 2) printf "<li><a href=\"#%s\">%s</a></li>\n", name, text > headings
	return "<h" level " id=\"" name "\"><a href=\"#" name "\">" text "</a></h" level ">"
}

# The path from docs/ that PATH means in this file; it begins with .. where it leaves docs/.
function resolved(path,    parts, count, i, kept, n) {
	count = split((directory == "." ? "" : directory "/") path, parts, "/")
	for (i = 1; i <= count; i++)
		if (parts[i] == ".." && n && kept[n] != "..") n--
		else if (parts[i] != "." && parts[i] != "") kept[++n] = parts[i]
	path = kept[1]
	for (i = 2; i <= n; i++) path = path "/" kept[i]
	return path
}

# One opening tag of a link, as it is to be.
function link(tag,    target, path) {
	target = tag
	sub(/^<a href="/, "", target)
	sub(/".*$/, "", target)
	if (target ~ /^([a-z]+:|#)/) return tag
	path = target
	sub(/#.*$/, "", path)
	path = resolved(path)
	if (path ~ /^\.\.\//) {
		path = substr(path, 4)
		print file "\t" path > outside
		leaving = 1
		return "<span title=\"" path " in the source\">"
	}
	sub(/\.md(#|")/, ".html&", tag)
	sub(/\.html\.md/, ".html", tag)
	return tag
}

function links(line,    done, tag) {
	while (match(line, /<a href="[^"]*"[^>]*>|<\/a>/)) {
		done = done substr(line, 1, RSTART - 1)
		tag = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (tag != "</a>") done = done link(tag)
		else if (leaving) { done = done "</span>"; leaving = 0 }
		else done = done tag
	}
	return done line
}

comment { if (/-->/) comment = 0; next }
/^<!--/ { if (!/-->/) comment = 1; next }

/^<pre>/ {
	code = 1
	if (match($0, /data-meta="[^"]*"/)) {
		printf "<p class=\"file\">%s</p>\n", substr($0, RSTART + 11, RLENGTH - 12)
	}
	console = /class="language-console"/
	first = $0
	sub(/^<pre><code[^>]*>/, "", first)
	printf "%s", substr($0, 1, length($0) - length(first))
	$0 = first
}
code {
	if (console && /^\$ /) $0 = "<b>" $0 "</b>"
	if (/<\/code><\/pre>/) code = 0
	print
	next
}
/^<h[1-6]>.*<\/h[1-6]>$/ { print links(heading($0)); next }
{ print links($0) }
