/** One key, one act; never while somebody types. */
export function listenToKeys(actions) {
  addEventListener("keydown", (event) => {
    const target = event.composedPath()[0];
    const typing = target.matches?.("input:not([type=checkbox]), select, textarea");
    if (event.key === "Enter" && target.closest?.("button, a, summary")) return undefined; // it means that one
    if (typing && event.key === "Escape") return target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action) return undefined;
    event.preventDefault();
    return action();
  });
}
