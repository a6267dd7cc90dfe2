// The search box: qualifiers, suggestions and chips, and the URL that holds them. Pure.
import { type Parameters } from '../api.ts';
import { providerName } from '../text.ts';
import { rangeBounds, rangeFrom, type TimeRange } from '../time.ts';
import { SHOWN_STATUSES, type ShownStatus, STATUS_WORDS } from './jobs.ts';

export interface Filters {
  statuses: ShownStatus[];
  workflow: string;
  provider: string;
  range: TimeRange;
  /** `record:` and `job:`, and free words, each as it goes into the API's `q`. */
  terms: string[];
}

/** What the box can offer. */
export interface Vocabulary {
  workflows: readonly string[];
  providers: readonly string[];
}

export interface Chip {
  key: string;
  name: string;
  value: string;
  without: Filters;
}

export interface Suggestion {
  /** What the box holds when this one is taken. */
  text: string;
  label: string;
  hint: string;
}

const QUALIFIERS: ReadonlyArray<{ name: string; hint: string }> = [
  { name: 'status', hint: 'queued, waiting, running, completed, failed, cancelled' },
  { name: 'workflow', hint: 'what runs' },
  { name: 'provider', hint: 'whose event started it' },
  { name: 'record', hint: 'a number or id that it is about: INV-0006' },
  { name: 'job', hint: "a job's id" },
];

const MOST_SUGGESTIONS = 8;
/** What the API takes as `q`. */
export const MOST_CHARACTERS = 300;

export function filtersFrom(query: URLSearchParams): Filters {
  const statuses = (query.get('status') ?? '').toUpperCase().split(',');
  return {
    statuses: SHOWN_STATUSES.filter((status) => statuses.includes(status)),
    workflow: query.get('workflow') ?? '',
    provider: query.get('provider') ?? '',
    range: rangeFrom(query, ''),
    terms: split(query.get('q') ?? ''),
  };
}

/** The names and values of the URL, null for those that are not set. */
export function queryOf(filters: Filters): Record<string, string | null> {
  return {
    status: filters.statuses.join(',') || null,
    workflow: filters.workflow || null,
    provider: filters.provider || null,
    range: filters.range.name || null,
    from: filters.range.from,
    to: filters.range.to,
    q: filters.terms.join(' ') || null,
  };
}

/** The API's parameters. */
export function parametersOf(filters: Filters, now: number): Parameters {
  return {
    status: filters.statuses.join(','),
    workflow: filters.workflow,
    provider: filters.provider,
    ...rangeBounds(filters.range, now),
    q: filters.terms.join(' '),
  };
}

/** The filters with what was typed added. What names a status, workflow or provider becomes that filter. */
export function withTyped(filters: Filters, typed: string): Filters {
  let next = filters;
  for (const term of split(typed)) {
    const { name, value } = qualifierOf(term);
    const status = SHOWN_STATUSES.find((known) => known === value.toUpperCase());
    if (name === 'status' && status) {
      if (!next.statuses.includes(status)) next = { ...next, statuses: [...next.statuses, status] };
    } else if (name === 'workflow' && value) next = { ...next, workflow: value };
    else if (name === 'provider' && value) next = { ...next, provider: value.toLowerCase() };
    else if (!next.terms.includes(term)) next = { ...next, terms: [...next.terms, term] };
  }
  return next;
}

export function chipsOf(filters: Filters): Chip[] {
  const chips: Chip[] = filters.statuses.map((status) => ({
    key: `status:${status}`,
    name: 'status',
    value: STATUS_WORDS[status].word,
    without: { ...filters, statuses: filters.statuses.filter((other) => other !== status) },
  }));
  if (filters.workflow) {
    const without = { ...filters, workflow: '' };
    chips.push({ key: 'workflow', name: 'workflow', value: filters.workflow, without });
  }
  if (filters.provider) {
    const without = { ...filters, provider: '' };
    chips.push({ key: 'provider', name: 'provider', value: providerName(filters.provider), without });
  }
  for (const term of filters.terms) {
    const { name, value } = qualifierOf(term);
    const without = { ...filters, terms: filters.terms.filter((other) => other !== term) };
    chips.push({ key: `term:${term}`, name: name || 'text', value: unquoted(value), without });
  }
  return chips;
}

/** Whether the filters let the job through as far as a page can tell; free text only the server can. */
export function couldMatch(
  filters: Filters,
  job: { job_type: string; provider?: string | null },
  status: ShownStatus,
): boolean {
  if (filters.statuses.length > 0 && !filters.statuses.includes(status)) return false;
  if (filters.workflow && filters.workflow !== job.job_type) return false;
  if (filters.provider && job.provider !== undefined && filters.provider !== job.provider) return false;
  return filters.terms.length === 0 && filters.range.to === null;
}

/** What the last word of the box may become. */
export function suggestionsFor(typed: string, vocabulary: Vocabulary): Suggestion[] {
  const { before, last } = lastTerm(typed);
  const { name, value } = qualifierOf(last);
  if (!name) {
    return QUALIFIERS.filter((qualifier) => qualifier.name.startsWith(last.toLowerCase())).map((qualifier) => ({
      text: `${before}${qualifier.name}:`,
      label: `${qualifier.name}:`,
      hint: qualifier.hint,
    }));
  }
  return valuesOf(name, vocabulary)
    .filter((known) => known.value.includes(value.toLowerCase()))
    .slice(0, MOST_SUGGESTIONS)
    .map((known) => ({ text: `${before}${name}:${known.value} `, label: `${name}:${known.value}`, hint: known.hint }));
}

function valuesOf(name: string, vocabulary: Vocabulary): Array<{ value: string; hint: string }> {
  if (name === 'status') {
    return SHOWN_STATUSES.map((status) => ({ value: status.toLowerCase(), hint: STATUS_WORDS[status].meaning }));
  }
  if (name === 'workflow') return vocabulary.workflows.map((value) => ({ value, hint: '' }));
  if (name === 'provider') return vocabulary.providers.map((value) => ({ value, hint: providerName(value) }));
  return [];
}

/** Words at blanks, but not at those between quotation marks. */
function split(text: string): string[] {
  return text.match(/(?:[^\s"]+:)?"[^"]*"?|\S+/g) ?? [];
}

function lastTerm(typed: string): { before: string; last: string } {
  const last = /\s$/.test(typed) ? '' : (split(typed).at(-1) ?? '');
  return { before: typed.slice(0, typed.length - last.length), last };
}

function qualifierOf(term: string): { name: string; value: string } {
  const colon = term.indexOf(':');
  const name = colon < 0 ? '' : term.slice(0, colon).toLowerCase();
  if (!QUALIFIERS.some((qualifier) => qualifier.name === name)) return { name: '', value: term };
  return { name, value: term.slice(colon + 1) };
}

function unquoted(value: string): string {
  return value.replace(/^"(.*?)"?$/, '$1');
}
