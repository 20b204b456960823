# SPDX-License-Identifier: Apache-2.0
# Which links of a book lead nowhere: book-links.awk FILES PAGE…, where FILES lists every file of the book. Run at its
# root.

NR == FNR { there[$0] = 1; next }

FNR == 1 {
	page = FILENAME
	sub(/^\.\//, "", page)
	directory = page
	if (!sub(/[^\/]*$/, "", directory)) directory = ""
}

# The path from the root that PATH means on this page.
function resolved(path,    parts, count, i, kept, n) {
	count = split(directory path, parts, "/")
	for (i = 1; i <= count; i++)
		if (parts[i] == ".." && n) n--
		else if (parts[i] != "" && parts[i] != ".") kept[++n] = parts[i]
	path = kept[1]
	for (i = 2; i <= n; i++) path = path "/" kept[i]
	return path
}

function target(word,    path, fragment) {
	if (word ~ /^[a-z]+:/) return
	path = fragment = word
	sub(/#.*$/, "", path)
	if (!sub(/^[^#]*#/, "", fragment)) fragment = ""
	path = path == "" ? page : resolved(path)
	links++
	from[links] = page
	word_of[links] = word
	to[links] = path
	at[links] = fragment
}

{
	line = $0
	while (match(line, / (href|src|id)="[^"]*"/)) {
		word = substr(line, RSTART + 1, RLENGTH - 2)
		line = substr(line, RSTART + RLENGTH)
		name = word
		sub(/=.*$/, "", name)
		sub(/^[a-z]+="/, "", word)
		if (name == "id") anchors[page "#" word] = 1
		else target(word)
	}
}

END {
	for (i = 1; i <= links; i++)
		if (!(to[i] in there)) print from[i] ": " word_of[i] " leads to no file"
		else if (at[i] != "" && !((to[i] "#" at[i]) in anchors)) print from[i] ": " word_of[i] " leads to no heading"
}
