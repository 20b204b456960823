// SPDX-License-Identifier: Apache-2.0
// The frame of the dashboard: signing in, the way from address to page, and what the keys and buttons do.
import { Refusal, get, token } from "./api.js";
import { operate, rollback, rolloutAct, startRollout, switchRecord } from "./deeds.js";
import { open } from "./dialog.js";
import { h, s, show } from "./dom.js";
import { endpointPage, poolPage } from "./endpoint.js";
import { historyPage } from "./history.js";
import { Live } from "./live.js";
import { overview } from "./overview.js";
import { keyOf, recordOf, recordPage, recordsPage } from "./record.js";
import { rolloutsPage } from "./rollouts.js";
import { span } from "./words.js";

const PAGES = { "": overview, pool: poolPage, endpoint: endpointPage, records: recordsPage, record: recordPage,
	rollouts: rolloutsPage, history: historyPage };
const HEALTH = new Set([poolPage, endpointPage]); // pages whose data follows health; the others follow the catalog
const TRAFFIC = new Set([overview, poolPage]); // pages that show what the servers' counters say
const NAV = [["", "Overview", ["", "pool", "endpoint"]], ["records", "Records", ["records", "record"]],
	["rollouts", "Rollouts", ["rollouts"]], ["history", "History", ["history"]]];
const ROLES = ["read", "operate", "admin"];
const STALE = 5000; // ms without news until the age is told
const MANY = 400; // endpoints: more are drawn less often

const byId = (id) => document.getElementById(id);

/** All that is shown. */
const world = {
	who: null, status: null, top: null, silence: "", asOf: 0, skew: 0, link: "off", trouble: "",
	route: null, data: null, wrong: "", step: 0, playing: 0, mapWidth: 0,
	wantsTraffic: () => TRAFFIC.has(world.route?.page),
};
let live = null;
let loading = null; // the page's request under way

/* --- Routes ------------------------------------------------------------------------------------------------------- */

function parse(hash) {
	const [where, text] = hash.replace(/^#\/?/, "").split("?");
	const [name, ...params] = where.split("/").filter(Boolean).map(decodeURIComponent);
	return { name: name ?? "", page: PAGES[name ?? ""], params, query: Object.fromEntries(new URLSearchParams(text)),
		where };
}

function motionIsWelcome() {
	return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

async function load() {
	loading?.abort();
	loading = new AbortController();
	const { route, status } = world, { signal } = loading;
	if (!route.page || !status)
		return;
	try {
		const data = await route.page.load(route.params, { status, query: route.query }, signal);
		if (world.route === route && !signal.aborted)
			Object.assign(world, { data, wrong: "", loaded: true });
	} catch (error) {
		if (signal.aborted || world.route !== route)
			return;
		if (error instanceof Refusal && error.status === 401)
			signOut("The token is no longer accepted.");
		else
			world.wrong = error.message;
	}
	draw();
}

async function go() {
	if (location.hash && !location.hash.startsWith("#/"))
		return;
	const before = world.route;
	const same = before && before.where === parse(location.hash).where;
	Object.assign(world, { route: parse(location.hash), wrong: "" });
	if (!same)
		Object.assign(world, { data: null, loaded: false });
	if (before && !same && !world.top && world.wantsTraffic())
		live.lookAtTraffic();
	clearInterval(world.playing);
	draw();
	if (before && !same) {
		scrollTo(0, 0);
		byId("main").focus({ preventScroll: true });
	}
	await load();
	if (world.route.page === recordPage && world.data?.explained)
		begin();
}

/* --- The walk of Explain, step by step ---------------------------------------------------------------------------- */

/** Scrolls a list, and nothing around it, until the item is seen. */
function keepInSight(list, item) {
	const frame = list.getBoundingClientRect(), box = item.getBoundingClientRect();
	list.scrollTop += Math.max(0, box.bottom - frame.bottom) - Math.max(0, frame.top - box.top);
}

function stepTo(step) {
	const last = recordPage.steps(world.data) - 1;
	world.step = step >= last ? Infinity : Math.max(0, step); // the end stays the end when it is explained anew
	draw();
	keepInSight(document.querySelector(".steps"), document.querySelector('.steps [aria-current="step"]'));
	return step < last;
}

function play() {
	clearInterval(world.playing);
	const count = recordPage.steps(world.data);
	stepTo(0);
	world.playing = setInterval(() => {
		if (!stepTo(world.step + 1)) {
			clearInterval(world.playing);
			sayAnswer();
		}
	}, Math.min(300, 4000 / count));
}

function sayAnswer() {
	const { answer } = world.data.explained;
	say(`Answer: ${answer.rcode}. ${answer.rrs.join(", ")}`, true);
}

function begin() {
	if (motionIsWelcome())
		return play();
	stepTo(Infinity);
	sayAnswer();
}

/* --- Drawing ------------------------------------------------------------------------------------------------------ */

/** Attributes of a control for those of this role: theirs, or disabled with the reason. */
function may(role) {
	if (ROLES.indexOf(world.who.role) >= ROLES.indexOf(role))
		return {};
	return { "aria-disabled": "true", title: `${world.who.name} has the role ${world.who.role}; this needs ${role}` };
}

function linkWords() {
	const age = Date.now() - world.asOf;
	if (!world.status)
		return ["waiting", world.trouble || "connecting"];
	if (world.link === "live" && !world.trouble)
		return ["live", age > STALE * 3 ? `as of ${span(age)} ago` : "live"];
	return ["lost", `disconnected, as of ${span(age)} ago`];
}

function header() {
	const [tone, words] = linkWords();
	return [
		h("a", { class: "brand", href: "#/", "aria-label": "isobar, overview" },
			s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" },
				s("path", { d: "M3 17c3.5-8 14.5-8 18 0M7 19.5c2.5-4 7.5-4 10 0M1.5 12C6 3.5 18 3.5 22.5 12" })),
				"isobar"),
		h("nav", { "aria-label": "Pages" }, h("ul", null, NAV.map(([name, title, covers]) => h("li",
			{ "data-key": name },
			h("a", { href: `#/${name}`, "aria-current": covers.includes(world.route?.name) ? "page" : null },
				title))))),
		h("p", { class: `link ${tone}` }, h("span", { class: "dot", "aria-hidden": "true" }), words,
			world.status && h("span", { class: "generation" }, `generation ${world.status.generation}`)),
		h("p", { class: "who" }, h("span", null, world.who.name, h("span", { class: "quiet" }, ` ${world.who.role}`)),
			token.get() && h("button", { type: "button", class: "plain", "data-do": "sign-out" }, "Sign out")),
	];
}

function titleOf({ page, params }) {
	if (!page)
		return "Nothing";
	return page.title instanceof Function ? page.title(params) : page.title;
}

function body() {
	const { route, status, data, wrong, loaded } = world;
	if (!route.page)
		return h("p", { class: "lead" }, "There is no such page. ", h("a", { href: "#/" }, "Go to the overview"));
	if (wrong)
		return [h("h1", null, titleOf(route)), h("p", { class: "alarm", role: "alert" }, wrong)];
	if (!status || !loaded)
		return h("p", { class: "quiet", "data-key": "loading" }, world.trouble || "Loading…");
	return h("div", { class: "page", "data-key": `page ${route.name}` },
		route.page.render({ ...world, params: route.params, query: route.query, now: Date.now() + world.skew, may }));
}

function banner() {
	const why = world.trouble || "The stream of events ended";
	const seen = world.asOf ? `What you see is as of ${span(Date.now() - world.asOf)} ago; trying again.` : "Trying again.";
	return h("p", { class: "banner", "data-key": "banner" }, `${why}. ${seen}`);
}

function draw() {
	if (!world.who)
		return;
	document.title = `${titleOf(world.route)} · isobar`;
	show(byId("top"), header());
	show(byId("main"), world.link === "lost" || world.trouble ? banner() : null, body());
	const width = byId("map")?.clientWidth ?? 0;
	if (width && width !== world.mapWidth) {
		world.mapWidth = width;
		draw();
	}
}

let silence = 0;

/** Says something to everybody: on the screen for a while, and to screen readers; `quietly`: to those alone. */
function say(text, quietly = false) {
	clearTimeout(silence);
	byId("said").className = quietly ? "unseen" : "said shown";
	byId("said").textContent = text;
	silence = setTimeout(() => {
		byId("said").className = "said";
		byId("said").textContent = "";
	}, 8000);
}

/* --- Signing in --------------------------------------------------------------------------------------------------- */

function askToken(sentence) {
	document.title = "Sign in · isobar";
	show(byId("top"));
	show(byId("main"), h("form", { class: "panel sign-in", "data-submit": "sign-in", "data-key": "sign-in",
		"aria-label": "Sign in" },
		h("h1", null, "isobar"), h("p", { class: "quiet" },
			"This control plane asks who you are. Your token stays in this tab and is forgotten with it."),
		h("label", { class: "block" }, "Token", h("input", { type: "password", name: "token", required: true,
			autocomplete: "current-password", spellcheck: "false" })),
		h("p", { class: "alarm", role: "alert" }, sentence), h("button", { type: "submit", class: "primary" },
			"Sign in")));
	byId("main").querySelector("input").focus();
}

function signOut(sentence = "") {
	live?.stop();
	loading?.abort();
	byId("dialog").close();
	Object.assign(world, { who: null, status: null, top: null, data: null, loaded: false });
	token.forget();
	askToken(sentence);
}

async function signIn() {
	try {
		world.who = await get("whoami");
	} catch (error) {
		const known = token.get() !== "";
		token.forget();
		if (error.status === 401 || error.status === 403)
			return askToken(known ? "This token is not accepted." : "");
		return askToken(error.message);
	}
	world.route = parse(location.hash.startsWith("#/") ? location.hash : "");
	live = new Live(world, news, () => signOut("The token is no longer accepted."));
	draw();
	await live.start();
	return go();
}

/** After each news: pages that rest on what changed are asked for again. */
function news(what) {
	if (world.loaded && (what === "catalog" || (what === "health" && HEALTH.has(world.route.page))))
		load();
	draw();
}

/* --- Deeds -------------------------------------------------------------------------------------------------------- */

async function done(sentence) {
	say(sentence);
	await live.refresh();
}

async function targets() {
	const [pools, policies] = await Promise.all([get("pools"), get("policies")]);
	return [...policies.policies, ...pools.pools].sort();
}

async function leadSomebody(record) {
	const names = record ? [record] : world.status.records.map(keyOf);
	open(startRollout(record, names, await targets()), done);
}

const DEEDS = {
	"sign-out": () => signOut(),
	operate: ({ on }) => open(operate(world.status.endpoints.find((endpoint) => endpoint.endpoint === on),
		world.status), done),
	switch: async ({ on }) => open(switchRecord(on, recordOf(world.status, on).policy, await targets()), done),
	rollout: ({ on }) => leadSomebody(on),
	"rollout-act": ({ on, how }) => open(rolloutAct(world.status.rollouts.find((rollout) => rollout.name === on),
		how), done),
	rollback: ({ on }) => open(rollback(Number(on)), done),
	"step-first": () => stepTo(0),
	"step-back": () => stepTo(Math.min(world.step, recordPage.steps(world.data) - 1) - 1),
	"step-on": () => stepTo(world.step + 1),
	"step-last": () => stepTo(Infinity),
	"step-to": ({ on }) => stepTo(Number(on)),
	"step-play": () => play(),
};

async function onClick(event) {
	if (event.target.closest(".skip")) {
		event.preventDefault();
		byId("main").focus();
		return;
	}
	const control = event.target.closest("[data-do]");
	if (!control)
		return;
	if (control.getAttribute("aria-disabled") === "true") {
		if (control.title)
			say(control.title);
		return;
	}
	if (control.dataset.do.startsWith("step-"))
		clearInterval(world.playing);
	try {
		await DEEDS[control.dataset.do](control.dataset);
	} catch (error) {
		say(error.message);
	}
}

function onSubmit(event) {
	const form = event.target.closest("[data-submit]");
	if (!form)
		return;
	event.preventDefault();
	const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));
	if (form.dataset.submit === "sign-in") {
		token.set(given.token);
		signIn();
		return;
	}
	const query = new URLSearchParams(Object.entries(given).filter(([, value]) => value));
	const hash = `#/${world.route.where}?${query}`;
	if (location.hash === hash)
		go(); // asked once more
	else
		location.hash = hash;
}

function onInput(event) {
	const { input } = event.target.dataset;
	if (!input)
		return;
	const { route } = world;
	if (event.target.value)
		route.query[input] = event.target.value;
	else
		delete route.query[input];
	const query = new URLSearchParams(route.query).toString();
	history.replaceState(null, "", `#/${route.where}${query ? `?${query}` : ""}`);
	draw();
}

function main() {
	document.addEventListener("click", onClick);
	document.addEventListener("submit", onSubmit);
	document.addEventListener("input", onInput);
	addEventListener("hashchange", () => world.who && go());
	new ResizeObserver(() => world.status && draw()).observe(byId("main"));
	document.addEventListener("visibilitychange", () => !document.hidden && world.who && live.refresh());
	let tick = 0;
	setInterval(() => {
		tick++;
		if (!document.hidden && world.status && (world.status.endpoints.length < MANY || tick % 5 === 0))
			draw();
	}, 1000);
	signIn();
}

main();
