const SILENT_MS = 25_000; // the server says something at least every 15 s
const DEAD_MS = 45_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/**
 * Listen to the server's events for ever: after a break it goes on behind the last event seen.
 *
 * EventSource would not do: it hides the heartbeat, and a silent line would look like a quiet community.
 * `onEvent(kind, data)` gets every event; `onStatus` gets "live", "delayed" or "lost".
 */
export function listen(address, { onEvent, onStatus }) {
  let last = null;
  let wait = FIRST_WAIT_MS;
  let heard = Date.now();
  let abort = new AbortController();

  setInterval(() => {
    const silence = Date.now() - heard;
    if (silence > DEAD_MS) abort.abort();
    else if (silence > SILENT_MS) onStatus("delayed");
  }, 1000);

  async function connect() {
    abort = new AbortController();
    const headers = last === null ? {} : { "Last-Event-ID": last };
    const answer = await fetch(address, { headers, signal: abort.signal, cache: "no-store" });
    if (!answer.ok) throw new Error(`stream: HTTP ${answer.status}`);
    wait = FIRST_WAIT_MS;
    await read(answer.body.pipeThrough(new TextDecoderStream()).getReader());
  }

  async function read(reader) {
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard = Date.now();
      onStatus("live");
      const messages = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
      rest = messages.pop();
      messages.forEach(dispatch);
    }
  }

  function dispatch(message) {
    const fields = { event: "message", data: "" };
    for (const line of message.split("\n")) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue;
      const text = line.slice(colon + 1).replace(/^ /, "");
      fields[line.slice(0, colon)] = line.startsWith("data") && fields.data ? `${fields.data}\n${text}` : text;
    }
    if (fields.data) onEvent(fields.event, JSON.parse(fields.data));
    if (fields.id) last = fields.id;
  }

  async function forever() {
    for (;;) {
      heard = Date.now();
      await connect().catch(() => null); // the reason does not matter: the line is lost, and shown as lost
      onStatus("lost");
      await new Promise((resume) => setTimeout(resume, wait));
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  forever();
}
