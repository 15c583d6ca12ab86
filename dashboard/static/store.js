/** What is shown, in one place. Whoever draws a part listens to the keys it draws. */
export function createStore(initial) {
  const state = { ...initial };
  const listeners = new Set();

  return {
    state,

    /** Change some keys; listeners of keys that really changed are called once. */
    set(patch) {
      const changed = Object.keys(patch).filter((key) => state[key] !== patch[key]);
      Object.assign(state, patch);
      if (!changed.length) return;
      for (const { keys, action } of [...listeners]) if (changed.some((key) => keys.includes(key))) action(state);
    },

    /** Call `action` now and whenever one of the keys changes. */
    on(keys, action) {
      listeners.add({ keys, action });
      action(state);
    },
  };
}
