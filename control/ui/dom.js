// SPDX-License-Identifier: Apache-2.0
// Elements are made here and nowhere else: data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {}))
		if (value === true)
			node.setAttribute(name, "");
		else if (value !== undefined && value !== null && value !== false)
			node.setAttribute(name, value);
	for (const child of children.flat(Infinity))
		if (child !== undefined && child !== null && child !== false)
			node.append(child instanceof Node ? child : String(child));
	return node;
}

/** An element of HTML. Attributes that are null or false are left out. */
export function h(name, attributes, ...children) {
	return fill(document.createElement(name), attributes, children);
}

/** An element of SVG. */
export function s(name, attributes, ...children) {
	return fill(document.createElementNS(SVG, name), attributes, children);
}

const key = (node) => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);

function alike(a, b) {
	return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

function morphAttributes(from, to) {
	for (const { name } of [...from.attributes])
		if (!to.hasAttribute(name) && name !== "open")
			from.removeAttribute(name);
	for (const { name, value } of to.attributes)
		if (from.getAttribute(name) !== value && name !== "open") // who opens and closes a part is the reader
			from.setAttribute(name, value);
}

/** Makes the children of `from` what those of `to` are, and changes no more than differs: focus, selection, scrolling
 * and what was typed stay. Nodes with the same data-key are the same thing wherever they stand. */
export function morphChildren(from, to) {
	const keyed = new Map();
	for (const child of from.childNodes)
		if (key(child) !== null)
			keyed.set(key(child), child);
	let at = from.firstChild;
	for (const wanted of [...to.childNodes]) {
		const known = key(wanted) !== null ? keyed.get(key(wanted)) : at;
		if (known && known.parentNode === from && alike(known, wanted)) {
			if (known === at)
				at = at.nextSibling;
			else
				from.insertBefore(known, at);
			morph(known, wanted);
		} else {
			from.insertBefore(wanted, at);
		}
	}
	while (at) {
		const next = at.nextSibling;
		at.remove();
		at = next;
	}
}

function morph(from, to) {
	if (from.nodeType !== Node.ELEMENT_NODE) {
		if (from.nodeValue !== to.nodeValue)
			from.nodeValue = to.nodeValue;
		return;
	}
	morphAttributes(from, to);
	if (from.nodeName !== "TEXTAREA")
		morphChildren(from, to);
}

/** Shows these nodes inside an element. */
export function show(element, ...children) {
	morphChildren(element, fill(document.createElement(element.nodeName), null, children));
}
