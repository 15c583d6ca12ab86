import { unpack } from "./pack.js";

/** What the server refused, in its own words. */
export class Problem extends Error {
  constructor(status, { detail, title, cure, code } = {}) {
    super(detail || title || `HTTP ${status}`);
    Object.assign(this, { status, cure, code });
  }
}

/** Ask the API. Addresses are relative to the page, so the cockpit works below any path. */
export function createApi(base = document.baseURI) {
  const address = (path) => new URL(path, base).href;

  async function ask(path, options) {
    const answer = await fetch(address(path), options);
    if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
    return answer;
  }

  return {
    address,
    json: async (path) => (await ask(path)).json(),
    pack: async (path) => unpack(await (await ask(path)).arrayBuffer()),
    post: async (path, body) =>
      (
        await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })
      ).json(),
  };
}
