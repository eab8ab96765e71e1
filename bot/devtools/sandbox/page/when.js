// Times as Slack formats them, in the reader's time zone.

const formatters = new Map();

function formatter(zone, options) {
  const key = zone + JSON.stringify(options);
  if (!formatters.has(key)) formatters.set(key, new Intl.DateTimeFormat("en-US", { timeZone: zone, ...options }));
  return formatters.get(key);
}

const written = (seconds, zone, options) => formatter(zone, options).format(new Date(seconds * 1000));

/** Year, month, day, hour, minute and second in the time zone, as numbers. */
export function parts(seconds, zone) {
  const options = {
    year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23",
  };
  const parts = {};
  for (const { type, value } of formatter(zone, options).formatToParts(new Date(seconds * 1000))) parts[type] = Number(value);
  return parts;
}

export const clock = (seconds, zone) => written(seconds, zone, { hour: "numeric", minute: "2-digit" });

/** The day in a comparable form: 2026-03-04. */
export function day(seconds, zone) {
  const { year, month, day: number } = parts(seconds, zone);
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(number).padStart(2, "0")}`;
}

/** today, yesterday, tomorrow, or null. */
function near(seconds, zone) {
  const now = Date.now() / 1000;
  const wanted = day(seconds, zone);
  const days = [["today", 0], ["yesterday", -86400], ["tomorrow", 86400]];
  return days.find(([, offset]) => day(now + offset, zone) === wanted)?.[0] || null;
}

const DATES = {
  date_num: (at, zone) => day(at, zone),
  date_slash: (at, zone) => written(at, zone, { year: "numeric", month: "2-digit", day: "2-digit" }),
  date: (at, zone) => written(at, zone, { year: "numeric", month: "long", day: "numeric" }),
  date_short: (at, zone) => written(at, zone, { year: "numeric", month: "short", day: "numeric" }),
  date_long: (at, zone) => written(at, zone, { weekday: "long", year: "numeric", month: "long", day: "numeric" }),
  date_pretty: (at, zone) => near(at, zone) || DATES.date(at, zone),
  date_short_pretty: (at, zone) => near(at, zone) || DATES.date_short(at, zone),
  date_long_pretty: (at, zone) => near(at, zone) || DATES.date_long(at, zone),
  day_divider_pretty: (at, zone) => near(at, zone) || DATES.date_long(at, zone),
  time: (at, zone) => clock(at, zone),
  time_secs: (at, zone) => written(at, zone, { hour: "numeric", minute: "2-digit", second: "2-digit" }),
  ago: (at) => ago(at),
};

export function ago(seconds) {
  const passed = Math.round(Date.now() / 1000 - seconds);
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, length]) => Math.abs(passed) >= length) || ["second", 1];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.round(passed / size), unit);
}

/** Formats like `{date_short_pretty} at {time}`. The name of a day is upper-case at the start of the text. */
export function format(pattern, seconds, zone) {
  const text = pattern.replace(/\{(\w+)\}/g, (whole, name) => DATES[name]?.(seconds, zone) ?? whole);
  return pattern.startsWith("{") ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** For a heading between days. */
export const heading = (seconds, zone) => format("{day_divider_pretty}", seconds, zone);

/** In full, for a tooltip. */
export const full = (seconds, zone) => format("{date_long} at {time_secs}", seconds, zone);

/** 2026-03-04T09:30 in the time zone, for a datetime-local input. */
export function local(seconds, zone) {
  const { hour, minute } = parts(seconds, zone);
  return `${day(seconds, zone)}T${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/** Seconds since 1970 of a local time. A time that clocks skip becomes the time after it. */
export function fromLocal(text, zone) {
  const wanted = Date.parse(`${text}Z`) / 1000;
  if (Number.isNaN(wanted)) return null;
  let guess = wanted;
  for (let round = 0; round < 3; round++) guess += wanted - Date.parse(`${local(guess, zone)}Z`) / 1000;
  return guess;
}
