// Where the reader is: path and query over the History API. Filters live in the query.
import { createStore, useStore } from './store.ts';

export interface Place {
  path: string;
  query: URLSearchParams;
  hash: string;
}

export type Route =
  | { view: 'overview' | (typeof LISTS)[number] | 'unknown' }
  | { view: 'job'; id: string }
  | { view: 'step'; id: string; step: string }
  | { view: 'delivery'; id: string }
  | { view: 'workflow'; jobType: string };

const LISTS = [
  'jobs',
  'deliveries',
  'errors',
  'connections',
  'service',
  'welcome',
  'workflows',
  'users',
  'keys',
  'audit',
  'tenants',
] as const;

const place = createStore<Place>(readPlace());

globalThis.addEventListener?.('popstate', () => place.set(readPlace()));

export const usePlace = () => useStore(place);
export const currentPlace = () => place.get();

/** Goes to an address of ours. `replace` leaves no entry in the history, for what is only a refinement. */
export function navigate(address: string, replace = false): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  const before = place.get();
  place.set(readPlace());
  if (before.path !== place.get().path && !place.get().hash) scrollTo(0, 0);
}

/** Changes some of the query and keeps the rest; null takes a name out. */
export function setQuery(changes: Record<string, string | null>, replace = false): void {
  const { path, query } = place.get();
  navigate(addressOf(path, changedQuery(query, changes)), replace);
}

export function changedQuery(query: URLSearchParams, changes: Record<string, string | null>): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** An address of ours that keeps looking at the tenant that is being looked at. */
export function hrefTo(path: string, query: Record<string, string | null> = {}): string {
  const [pathname = '/', hash] = path.split('#');
  const tenant = place.get().query.get('tenant');
  const all = changedQuery(new URLSearchParams(), { tenant, ...query });
  return addressOf(pathname, all) + (hash ? `#${hash}` : '');
}

export function routeOf(path: string): Route {
  const parts = path.split('/').filter(Boolean).map(decoded);
  const [first, id, word, step] = parts;
  if (first === undefined) return { view: 'overview' };
  if (first === 'jobs' && id && word === 'steps' && step && parts.length === 4) return { view: 'step', id, step };
  if (first === 'jobs' && id && parts.length === 2) return { view: 'job', id };
  if (first === 'deliveries' && id && parts.length === 2) return { view: 'delivery', id };
  if (first === 'workflows' && id && parts.length === 2) return { view: 'workflow', jobType: id };
  if (parts.length === 1 && isList(first)) return { view: first };
  return { view: 'unknown' };
}

function isList(name: string): name is (typeof LISTS)[number] {
  return (LISTS as readonly string[]).includes(name);
}

function addressOf(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

function readPlace(): Place {
  // Pure parts of this file are tested where there is no page.
  if (!('location' in globalThis)) return { path: '/', query: new URLSearchParams(), hash: '' };
  return { path: location.pathname, query: new URLSearchParams(location.search), hash: location.hash.slice(1) };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
