import { operator } from "./desk.js";
import { h } from "./dom.js";
import { operatorField } from "./eventpanel.js";

const SHELF_MINUTES = [15, 60, 480];
const SCORES = [5, 4, 3, 2, 1];
/** Steps that other systems or merging make, not an operator. */
const NOT_OURS = new Set(["absorb", "result"]);
/** Those that only need somebody's name are done by one click. */
const AT_ONCE = { alarm: new Set(["acknowledge", "unshelve"]), incident: new Set(["accept", "handle"]) };

/** The lawful next steps of the chosen event, the usual one first. */
export function stepsOf({ kind, source }) {
  if (kind === "incident") return source.next.filter((step) => !NOT_OURS.has(step));
  return [
    !source.acknowledged && "acknowledge",
    "incident",
    source.shelved_until ? "unshelve" : "shelve",
    source.active && "handle",
  ].filter(Boolean);
}

/** Whether a step asks for more than a name. */
export const needsForm = (row, step) => !AT_ONCE[row.kind].has(step);

/** The buttons, and the form of the step that was chosen. */
export function stepPanel({ event: row, eventData, step, stepFault, busy, incidents, scene }, words, actions) {
  const buttons = stepsOf(row).map((name, index) =>
    h(
      "button",
      {
        className: index === 0 ? "step first" : "step",
        "data-step": name,
        ariaPressed: needsForm(row, name) ? String(step === name) : null,
        disabled: busy,
        onclick: () => (needsForm(row, name) ? actions.onStep(step === name ? null : name) : actions.onDo(name, {})),
      },
      words.t(`step.${row.kind === "alarm" && name === "handle" ? "handleAlarm" : name}`),
    ),
  );
  return [
    buttons.length > 0 && h("div", { className: "steps", role: "group", ariaLabel: words.t("event.steps") }, buttons),
    step && form(row, step, { eventData, incidents, scene, busy }, words, actions),
    stepFault &&
      h("p", { className: "fault", role: "alert" }, stepFault.message, h("br"), h("b", {}, stepFault.cure ?? "")),
    buttons.length > 0 && operatorField(words),
  ].filter(Boolean);
}

function form(row, step, context, words, actions) {
  const fields = FIELDS[row.kind][step]?.(row, context, words) ?? [];
  const submit = (event) => {
    event.preventDefault();
    actions.onDo(step, facts(event.target));
  };
  return h(
    "form",
    { className: "step-form", onsubmit: submit },
    fields,
    h("button", { className: "step first", type: "submit", disabled: context.busy }, words.t("event.do")),
  );
}

/** What was filled in; what was left empty is not said. */
function facts(form) {
  const said = {};
  for (const element of form.elements) {
    if (!element.name || element.value === "") continue;
    said[element.name] = element.dataset.number ? Number(element.value) : element.value;
  }
  return said;
}

const field = (label, control) => h("label", {}, h("span", {}, label), control);
const text = (name, label, properties = {}) => field(label, h("input", { name, maxLength: 1000, ...properties }));
const choice = (name, label, options, properties = {}) =>
  field(
    label,
    h(
      "select",
      { name, ...properties },
      options.map(([value, title, selected]) => h("option", { value, selected }, title)),
    ),
  );

const note = (_row, _context, words) => [text("note", words.t("event.note"), { required: true })];

const FIELDS = {
  alarm: {
    incident: (row, { eventData, scene }, words) => [
      choice("class", words.t("event.class"), classes(scene, eventData?.suggested, words), { required: true }),
      text("title", words.t("event.title"), { required: true, value: words.of(row.title), maxLength: 200 }),
      text("description", words.t("event.description")),
    ],
    shelve: (_row, _context, words) => [
      choice(
        "minutes",
        words.t("event.minutes"),
        SHELF_MINUTES.map((minutes) => [String(minutes), words.t("event.forMinutes", { minutes })]),
        { "data-number": "1" },
      ),
      text("reason", words.t("event.reason"), { required: true, maxLength: 500 }),
    ],
    handle: (_row, _context, words) => [text("result", words.t("event.result"), { required: true })],
  },
  incident: {
    dispatch: (_row, { eventData }, words) => [
      text("to", words.t("event.dispatchTo"), { required: true, maxLength: 200, list: "lifang-forces" }),
      h(
        "datalist",
        { id: "lifang-forces" },
        (eventData?.responders ?? []).map((one) => h("option", { value: one.force_no })),
      ),
      text("note", words.t("event.note")),
    ],
    feedback: (row, _context, words) => [
      text("result", words.t("event.result"), { value: row.source.result ?? "" }),
      text("text", words.t("event.tell")),
    ],
    assess: (_row, _context, words) => [
      choice(
        "score",
        words.t("step.assess"),
        SCORES.map((score) => [String(score), words.t("event.score", { score })]),
        { "data-number": "1" },
      ),
      text("note", words.t("event.note")),
    ],
    escalate: (_row, _context, words) => [
      text("reason", words.t("event.reason"), { required: true }),
      text("to", words.t("event.escalateTo"), { maxLength: 200 }),
    ],
    merge: (row, { incidents }, words) => [
      choice(
        "into",
        words.t("event.into"),
        [...incidents.values()]
          .filter((one) => one.no !== row.id && one.next.length)
          .map((one) => [one.no, `${one.no} ${one.title}`]),
        { required: true },
      ),
    ],
    note,
  },
};

/** Classes of incidents; none is chosen unless a linkage rule would file one. */
function classes(scene, suggested, words) {
  const fields = scene.layers.find((layer) => layer.name === "incident")?.fields ?? [];
  const values = Object.entries(fields.find((each) => each.name === "class")?.values ?? {});
  return [["", words.t("event.choose")], ...values.map(([key, title]) => [key, words.of(title), key === suggested])];
}

/** The name that the log is to hold. */
export const actingAs = (words) => operator.get(words.t("events.operator"));
