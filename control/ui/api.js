// SPDX-License-Identifier: Apache-2.0
// The HTTP API: requests with the token, refusals as sentences, and the stream of events.

const KEPT = "isobar-token";

/** What the API refuses: its status and its sentence. */
export class Refusal extends Error {
	constructor(status, sentence, errors = []) {
		super(sentence);
		this.status = status;
		this.errors = errors;
	}
}

export const token = {
	get: () => sessionStorage.getItem(KEPT) ?? "",
	set: (text) => sessionStorage.setItem(KEPT, text),
	forget: () => sessionStorage.removeItem(KEPT),
};

function headers(more) {
	const held = token.get();
	return held ? { Authorization: `Bearer ${held}`, ...more } : { ...more };
}

/** A path of names: each is escaped, the slash between pool and endpoint stays. */
export const path = (...names) => names.join("/").split("/").map(encodeURIComponent).join("/");

/** A name as one part of a path, slashes and all: records are called ZONE/OWNER. */
export const part = encodeURIComponent;

async function refusal(response) {
	let problem = {};
	try {
		problem = await response.json();
	} catch {
		// not JSON: a proxy said it
	}
	const sentence = problem.detail || problem.title || `the server answered ${response.status}`;
	return new Refusal(response.status, sentence, problem.errors ?? []);
}

const PATIENCE = 30000; // ms

async function ask(url, options) {
	const late = AbortSignal.timeout(PATIENCE);
	const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
	let response;
	try {
		response = await fetch(url, { cache: "no-store", credentials: "same-origin", ...options, signal });
	} catch (error) {
		throw options.signal?.aborted ? error : new Refusal(0, "isobar-control does not answer");
	}
	if (!response.ok)
		throw await refusal(response);
	return response.status === 204 ? null : response.json();
}

/** GET; `query` are the parameters that are not empty. */
export function get(where, query = {}, signal = undefined) {
	const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
	const text = given.length ? `?${new URLSearchParams(given)}` : "";
	return ask(`/v1/${where}${text}`, { headers: headers(), signal });
}

/** An edit. dry: only what it would do; generation: refused when the catalog has moved on since. */
export function edit(method, where, body, { dry = false, generation = null } = {}) {
	const more = { "Content-Type": "application/json" };
	if (generation !== null)
		more["If-Match"] = `"${generation}"`;
	return ask(`/v1/${where}${dry ? "?dry_run=true" : ""}`, { method, headers: headers(more),
		body: JSON.stringify(body) });
}

/** Reads the stream of events until it ends or is aborted. EventSource cannot send a token, so this is read by hand. */
export async function events(onEvent, onBeat, signal) {
	const response = await fetch("/v1/events", { headers: headers({ Accept: "text/event-stream" }), cache: "no-store",
		signal });
	if (!response.ok)
		throw await refusal(response);
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "";
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			return;
		onBeat();
		const blocks = (rest + value).replace(/\r\n/g, "\n").split("\n\n");
		rest = blocks.pop();
		for (const block of blocks) {
			const name = /^event: ?(.*)$/m.exec(block);
			if (name)
				onEvent(name[1]);
		}
	}
}
