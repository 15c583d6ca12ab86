/** Codes grow by parts joined with hyphens: a place's code begins with the codes of the places it lies in. */

/** Whether a place is another or lies in it. */
export const standsIn = (place, above) => place === above || Boolean(place?.startsWith(`${above}-`));

/** Code of the place in a pack that another place is or lies in, null when there is none. */
export function placeAbove(place, pack) {
  for (let end = place ? place.length : 0; end > 0; end = place.lastIndexOf("-", end - 1)) {
    if (pack.index(place.slice(0, end)) >= 0) return place.slice(0, end);
  }
  return null;
}
