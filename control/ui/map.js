// SPDX-License-Identifier: Apache-2.0
// The world: regions where they are, their endpoints around them, and where the clients of each continent are led.
import { s } from "./dom.js";
import { SIGNS, perCent, plural, shape, stateOf } from "./words.js";
import { land } from "./world.js";

const WIDTH = 2000; // units of `land`
const SOUTH = -58;

// Where an arrow of a continent's clients begins: about the middle of its people.
const CONTINENTS = {
	AF: ["Africa", 9, 14], AS: ["Asia", 29, 96], EU: ["Europe", 49, 19], NA: ["North America", 38, -94],
	OC: ["Oceania", -26, 138], SA: ["South America", -16, -56], AN: ["Antarctica", -57, 0],
};

/** Natural Earth projection (Šavrič, Patterson, Jenny 2011), in units of `land`; tools/make-world has the same. */
function project(latitude, longitude) {
	const l = (longitude * Math.PI) / 180, p = (latitude * Math.PI) / 180, p2 = p * p, p4 = p2 * p2;
	const x = l * (0.8707 - 0.131979 * p2 + p4 * (-0.013791 + p4 * (0.003971 * p2 - 0.001529 * p4)));
	const y = p * (1.007226 + p2 * (0.015085 + p4 * (-0.044475 + 0.028874 * p2 - 0.005916 * p4)));
	const scale = WIDTH / 2 / (Math.PI * 0.8707);
	return [WIDTH / 2 + x * scale, (1.4222 - y) * scale];
}

const HEIGHT = project(SOUTH, 0)[1];
const TOP = project(84, 0)[1];

function line(points) {
	return points.map(([latitude, longitude], i) => {
		const [x, y] = project(latitude, longitude);
		return `${i ? "L" : "M"}${x.toFixed(0)} ${y.toFixed(0)}`;
	}).join("");
}

function graticule() {
	const out = [];
	for (let longitude = -150; longitude <= 150; longitude += 30)
		out.push(line(Array.from({ length: 15 }, (_, i) => [SOUTH + (i * (84 - SOUTH)) / 14, longitude])));
	for (const latitude of [-30, 0, 30, 60])
		out.push(line(Array.from({ length: 25 }, (_, i) => [latitude, -180 + i * 15])));
	return out.join("");
}

const GRID = graticule();

/* --- Labels ------------------------------------------------------------------------------------------------------- */

const overlaps = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

const NEAR = 24; // px; a label so near to another region could be taken for its

/** Of right, left, below and above the first where a label hides nothing, lies on the fewest arrows and seems no other
 * region's; null: nowhere. regions: the boxes of the others; taken: of other labels. */
function placeLabel(at, reach, w, h, frame, regions, taken) {
	const tries = [
		{ x: at[0] + reach + 4, y: at[1] - h / 2, anchor: "start" },
		{ x: at[0] - reach - 4 - w, y: at[1] - h / 2, anchor: "end" },
		{ x: at[0] - w / 2, y: at[1] + reach + 2, anchor: "middle" },
		{ x: at[0] - w / 2, y: at[1] - reach - h - 2, anchor: "middle" },
	];
	const free = tries.map((place) => ({ ...place, w, h })).filter((box) => box.x >= 0 && box.x + w <= frame.width &&
		box.y >= 0 && box.y + h <= frame.height && ![...regions, ...taken].some((other) => overlaps(box, other)));
	const crossed = (box) => frame.ways.filter((way) => way.some(([x, y]) => overlaps(box, { x, y, w: 0, h: 0 })));
	const near = ({ x, y }) => regions.some((other) =>
		overlaps({ x: x - NEAR, y: y - NEAR, w: w + 2 * NEAR, h: h + 2 * NEAR }, other));
	return free.map((box) => [crossed(box).length + near(box), box]).sort(([a], [b]) => a - b)[0]?.[1] ?? null;
}

/* --- Regions ------------------------------------------------------------------------------------------------------ */

const AROUND = 8; // signs around a region; of more, the worst ones
const DENSE = 16; // regions: of more, each shows its worst sign alone

function signs(endpoints, reach, dense) {
	const worst = endpoints.map((endpoint) => stateOf(endpoint).sign).sort((a,
		b) => SIGNS.indexOf(a) - SIGNS.indexOf(b))
		.slice(0, dense ? 1 : AROUND);
	if (worst.length === 1)
		return shape(worst[0], { transform: "translate(-8 -8)" });
	return worst.map((sign, i) => {
		const angle = (2 * Math.PI * i) / worst.length - Math.PI / 2;
		const x = Math.cos(angle) * reach - 6, y = Math.sin(angle) * reach - 6;
		return shape(sign, { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(0.75)` });
	});
}

const NARROW = 600; // px; on a map so small labels are names alone

function regionWords(region, endpoints, share) {
	const serving = endpoints.filter((endpoint) => stateOf(endpoint).serves).length;
	const words = endpoints.length ? `${serving} of ${endpoints.length} serve` : "no endpoints";
	return share === undefined ? words : `${words} · ${perCent(share)}`;
}

/** The radius of the disc that holds the signs, before it is made smaller for a small map. */
function discOf(endpoints, dense) {
	return dense || endpoints.length < 2 ? 10 : endpoints.length > 4 ? 26 : 21;
}

/** The same on the screen, and the radius of the ring that tells the share of traffic. */
const outerOf = (endpoints, frame) => discOf(endpoints, frame.dense) * frame.size;
const ringOf = (outer, share, frame) =>
	outer + (share > 0 ? (4 + 22 * Math.sqrt(share)) * Math.min(1, frame.width / 800) : 0);

function regionMark(region, endpoints, share, frame) {
	const at = frame.at(...region.location);
	const disc = discOf(endpoints, frame.dense);
	const words = regionWords(region, endpoints, share);
	const label = frame.labels.get(region.name);
	const text = label && [
		s("text", { x: label.tx - at[0], y: label.y - at[1] + 12, "text-anchor": label.anchor, class: "name" },
			region.name),
		frame.width >= NARROW && s("text", { x: label.tx - at[0], y: label.y - at[1] + 26,
			"text-anchor": label.anchor, class: "count" }, words)];
	return s("a", {
		href: `#/?region=${encodeURIComponent(region.name)}`, class: "region", "data-key": `region-${region.name}`,
		transform: `translate(${at[0].toFixed(1)} ${at[1].toFixed(1)})`, "aria-label": `${region.name}: ${words}`,
	},
	s("title", null, `${region.name}: ${words}`),
	share > 0 && s("circle", { r: ringOf(disc * frame.size, share, frame).toFixed(1), class: "share" }),
	s("g", { transform: `scale(${frame.size})` }, s("circle", { r: disc, class: "disc" }),
		signs(endpoints, disc - 10, frame.dense)), text);
}

/* --- Arrows ------------------------------------------------------------------------------------------------------- */

const STEPS = 16; // of an arrow's way, for labels to keep off it

/** Where an arrow runs: { from, bow, end }; null: they are at home, and the ring says how many. */
function wayOf(flow, region, outer, frame) {
	const [, latitude, longitude] = CONTINENTS[flow.continent];
	const from = frame.at(latitude, longitude), to = frame.at(...region.location);
	const dx = to[0] - from[0], dy = to[1] - from[1], length = Math.hypot(dx, dy);
	const gap = outer + 3;
	if (length < gap + Math.max(12, frame.width * 0.035))
		return null;
	const end = [to[0] - (dx / length) * gap, to[1] - (dy / length) * gap];
	const bow = [(from[0] + end[0]) / 2 + dy * 0.18, (from[1] + end[1]) / 2 - Math.abs(dx) * 0.18];
	return { from, bow, end };
}

function points({ from, bow, end }) {
	return Array.from({ length: STEPS + 1 }, (_, i) => {
		const t = i / STEPS, u = 1 - t;
		return [0, 1].map((k) => u * u * from[k] + 2 * u * t * bow[k] + t * t * end[k]);
	});
}

function arrow({ flow, way: { from, bow, end } }, frame) {
	const [name] = CONTINENTS[flow.continent];
	const width = (1 + 6 * Math.sqrt(flow.share)) * frame.size;
	const head = ((0.6 + width / 7) * frame.size).toFixed(2);
	const angle = (Math.atan2(end[1] - bow[1], end[0] - bow[0]) * 180) / Math.PI;
	const round = (pair) => pair.map((n) => n.toFixed(1)).join(" ");
	return s("g", { class: "flow", "data-key": `flow-${flow.continent}-${flow.region}` },
		s("title", null, `${perCent(flow.share)} of all answers: clients in ${name}, led to ${flow.region}`),
		s("path", { d: `M${round(from)}Q${round(bow)} ${round(end)}`, "stroke-width": width.toFixed(1) }),
		s("path", {
			d: "M0 0L-9 5L-9 -5Z", class: "head",
			transform: `translate(${round(end)}) rotate(${angle.toFixed(0)}) scale(${head})`,
		}));
}

/** What the map says, for those who do not see it. */
function summary(regions, byRegion) {
	const each = regions.map((region) => `${region.name}, ${regionWords(region, byRegion.get(region.name) ?? [])}`);
	return `World map of ${plural(regions.length, "region")}: ${each.join("; ")}. The table below says the same.`;
}

/**
 * The map, so many pixels wide. status: of the API; shares: region → share of all answers; flows: { continent, region,
 * share }.
 */
export function map(status, { shares = new Map(), flows = [] }, width) {
	const regions = status.regions ?? [];
	const byRegion = Map.groupBy
		? Map.groupBy(status.endpoints, (endpoint) => endpoint.region)
		: status.endpoints.reduce((all, e) => all.set(e.region, [...(all.get(e.region) ?? []), e]), new Map());
	const scale = width / WIDTH, height = (HEIGHT - TOP) * scale;
	const at = (latitude, longitude) => {
		const [x, y] = project(latitude, longitude);
		return [x * scale, (y - TOP) * scale];
	};
	const dense = regions.length > DENSE;
	const brief = width < NARROW;
	const frame = { at, width, height, dense, size: brief ? 0.7 : 1, labels: new Map() };
	const known = new Map(regions.map((region) => [region.name, region]));
	const led = flows.filter((flow) => known.has(flow.region) && CONTINENTS[flow.continent] && flow.share >= 0.005)
		.map((flow) => ({ flow, way: wayOf(flow, known.get(flow.region), outerOf(byRegion.get(flow.region) ?? [], frame),
			frame) })).filter(({ way }) => way);
	frame.ways = led.map(({ way }) => points(way));
	const labelled = [];
	const boxes = regions.map((region) => {
		const [x, y] = at(...region.location);
		const outer = outerOf(byRegion.get(region.name) ?? [], frame);
		const half = dense ? 9 : Math.max(18 * frame.size, 0.75 * ringOf(outer, shares.get(region.name), frame));
		return { x: x - half, y: y - half, w: 2 * half, h: 2 * half };
	});
	regions.forEach((region, i) => {
		const endpoints = byRegion.get(region.name) ?? [];
		const words = regionWords(region, endpoints, shares.get(region.name));
		const outer = outerOf(endpoints, frame);
		const w = Math.max(region.name.length * 7.6, brief ? 0 : words.length * 6.3), h = brief ? 16 : 30;
		const label = placeLabel(at(...region.location), ringOf(outer, shares.get(region.name), frame) + 2, w, h, frame,
			boxes.filter((_, k) => k !== i), labelled);
		if (!label)
			return;
		label.tx = label.anchor === "start" ? label.x : label.anchor === "end" ? label.x + w : label.x + w / 2;
		frame.labels.set(region.name, label);
		labelled.push(label);
	});
	return s("svg", {
		viewBox: `0 0 ${width} ${height.toFixed(0)}`, width, height: height.toFixed(0), class: "world", role: "group",
		"aria-label": summary(regions, byRegion),
	},
	s("g", { transform: `scale(${scale.toFixed(5)}) translate(0 ${-TOP.toFixed(1)})`, "aria-hidden": "true" },
		s("path", { d: GRID, class: "grid", "data-key": "grid" }),
			s("path", { d: land, class: "land", "data-key": "land" })),
	s("g", { class: "flows", "aria-hidden": "true" }, led.map((one) => arrow(one, frame))),
	regions.map((region) => regionMark(region, byRegion.get(region.name) ?? [], shares.get(region.name), frame)));
}
