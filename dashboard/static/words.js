export const LANGUAGES = ["zh", "en"];

const UNITS_S = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];
const LOCALES = { zh: "zh-CN", en: "en-GB" };

/** The words of one language; every sentence a person reads comes from i18n/LANGUAGE.json or from the server. */
export async function loadWords(language) {
  const answer = await fetch(new URL(`i18n/${language}.json`, import.meta.url));
  return createWords(language, await answer.json());
}

function createWords(language, dictionary) {
  const locale = LOCALES[language];
  const count = new Intl.NumberFormat(locale, { maximumFractionDigits: 2, useGrouping: "min2" });
  const time = new Intl.DateTimeFormat(locale, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  const day = new Intl.DateTimeFormat(locale, { year: "numeric", month: "2-digit", day: "2-digit" });
  const weekday = new Intl.DateTimeFormat(locale, { weekday: "short" });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always" });
  const shortDay = new Intl.DateTimeFormat(locale, { month: "2-digit", day: "2-digit" });

  function t(key, values = {}) {
    if (!(key in dictionary)) throw new Error(`No word for ${key} in ${language}`);
    return dictionary[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  return {
    language,
    locale,
    t,
    /** The text of a {zh, en} pair that the server sent. */
    of: (pair) => (pair && typeof pair === "object" ? pair[language] || pair.zh || pair.en : pair) ?? "",
    number: (value) => (value === null || value === undefined ? "—" : count.format(value)),
    clock: (date) => `${day.format(date)}\u2002${weekday.format(date)}\u2002${time.format(date)}`,
    /** Time of day; the date too when it was another day. */
    moment(iso, now) {
      const date = new Date(iso);
      const sameDay = date.toDateString() === now.toDateString();
      return sameDay ? time.format(date) : `${shortDay.format(date)} ${time.format(date).slice(0, 5)}`;
    },
    /** How long ago something was, in its largest unit. */
    ago(iso, now) {
      const seconds = Math.max(0, (now - new Date(iso)) / 1000);
      const [size, unit] = UNITS_S.find(([each]) => seconds >= each) ?? UNITS_S.at(-1);
      return relative.format(-Math.floor(seconds / size), unit);
    },
    storey: (number) => (number < 0 ? `B${-number}` : `F${number}`),
  };
}
