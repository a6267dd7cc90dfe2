// Times, durations and sizes as a person reads them. Pure.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `3 min ago`, `in 2 h`; a date beyond a month. */
export function relative(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 5 * SECOND) return 'just now';
  if (distance > 30 * DAY) return localDate(at);
  const text = age(distance);
  return at > now ? `in ${text}` : `${text} ago`;
}

/** A length of time in one unit, for where more would only flicker. */
export function age(ms: number): string {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** A length of time with two units at most: `340 ms`, `1.2 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return twoUnits(ms, MINUTE, 'min', SECOND, 's');
  if (ms < DAY) return twoUnits(ms, HOUR, 'h', MINUTE, 'min');
  return twoUnits(ms, DAY, 'd', HOUR, 'h');
}

function twoUnits(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const rest = Math.floor((ms % large) / small);
  const whole = `${Math.floor(ms / large)} ${largeName}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallName}`;
}

/** `2026-11-22 13:04:05.120 UTC`. */
export function exactUtc(at: number): string {
  return `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

/** The same instant where the reader is, with the zone's name. */
export function exactLocal(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'long' });
}

export function localDate(at: number): string {
  return new Date(at).toLocaleDateString(undefined, { dateStyle: 'medium' });
}

/** Short, for an axis or a chip: the time alone within a day, the date too beyond. */
export function localShort(at: number, spanMs: number): string {
  const time = { hour: 'numeric', minute: '2-digit' } as const;
  const day = { day: 'numeric', month: 'short' } as const;
  if (spanMs <= DAY + HOUR) return new Date(at).toLocaleTimeString(undefined, time);
  if (spanMs <= 7 * DAY) return new Date(at).toLocaleString(undefined, { ...day, ...time });
  return new Date(at).toLocaleDateString(undefined, day);
}

/** `812 B`, `4.1 kB`, `2.3 MB`: powers of ten, as disks and networks count. */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  const units = ['kB', 'MB', 'GB'];
  let value = count;
  let unit = 'B';
  for (const next of units) {
    if (value < 1_000) break;
    value /= 1_000;
    unit = next;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `12,340`, as the reader's language groups it. */
export function count(value: number): string {
  return value.toLocaleString();
}

/** `1 job`, `3 jobs`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A named or free range of time, as the URL holds it. */
export interface TimeRange {
  /** A name of `RANGES`, or empty where `from` and `to` say it or nothing does. */
  name: string;
  from: string | null;
  to: string | null;
}

export const RANGES: ReadonlyArray<{ name: string; label: string; ms: number }> = [
  { name: '1h', label: 'Last hour', ms: HOUR },
  { name: '24h', label: 'Last 24 hours', ms: DAY },
  { name: '7d', label: 'Last 7 days', ms: 7 * DAY },
  { name: '30d', label: 'Last 30 days', ms: 30 * DAY },
];

/** Reads `range`, `from` and `to`; what cannot be read is as if it were not there. */
export function rangeFrom(query: URLSearchParams, fallback: string): TimeRange {
  const from = instant(query.get('from'));
  const to = instant(query.get('to'));
  if (from !== null || to !== null) return { name: '', from, to };
  const name = query.get('range') ?? fallback;
  return { name: RANGES.some((range) => range.name === name) ? name : fallback, from: null, to: null };
}

/** The API's `from` and `to`. A named range ends now and begins on a full minute, so that a repeated question is the same. */
export function rangeBounds(range: TimeRange, now: number): { from?: string; to?: string } {
  const named = RANGES.find(({ name }) => name === range.name);
  if (named) return { from: new Date(Math.floor((now - named.ms) / MINUTE) * MINUTE).toISOString() };
  return { ...(range.from && { from: range.from }), ...(range.to && { to: range.to }) };
}

/** Round instants within a range, as a clock where the reader is shows them: `most` at most. */
export function clockTicks(from: number, to: number, most: number): number[] {
  const steps = [1, 5, 10, 15, 30].map((minutes) => minutes * MINUTE);
  steps.push(...[1, 2, 3, 6, 12].map((hours) => hours * HOUR), DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY);
  const step = steps.find((candidate) => (to - from) / candidate <= most) ?? (to - from) / most;
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const marks: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) marks.push(at);
  return marks;
}

function instant(text: string | null): string | null {
  if (!text) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}

/** Round steps for an axis of durations from nothing to `total` ms, `most` at most. */
export function ticks(total: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, MINUTE, 2 * MINUTE];
  steps.push(5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 7 * DAY);
  const step = steps.find((candidate) => total / candidate <= most) ?? total / most;
  const marks: number[] = [];
  for (let at = 0; at <= total; at += step) marks.push(at);
  return marks;
}
