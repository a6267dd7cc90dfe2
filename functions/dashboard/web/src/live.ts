// News of jobs as they happen: by WebSocket, else by a stream that is asked again and again, else by polling.
// Chooses by itself, says which it is, tries the better way again later, and pauses while nobody looks.
import { useEffect, useRef } from 'preact/hooks';
import type { JobChange, JobEvent } from './api-types.ts';
import { fetchTicket, openJobStream } from './api.ts';
import { StreamReader } from './stream.ts';
import { createStore } from './store.ts';

export type LiveState = 'connecting' | 'live' | 'stream' | 'polling' | 'paused';

/** A job that changed, or only that something may have: what is shown is then fetched again. */
export type News = { kind: 'job'; job: JobChange } | { kind: 'refresh' };

const POLL_MS = 10_000;
/** How long news are gathered before a view that shows sums of them is loaded again. */
const SETTLE_MS = 4_000;
/** How long a way that failed twice is left alone. */
const LEFT_ALONE_MS = 60_000;
/** API Gateway closes a socket that says nothing for ten minutes. */
const KEEP_ALIVE_MS = 4 * 60_000;

/** Of how many jobs it is known when they were last heard of. */
const REMEMBERED = 2_000;

export const liveState = createStore<LiveState>('connecting');

const followers = new Set<(news: News) => void>();
const toldAt = new Map<string, number>();
let awakeFor = 0;
let wanted: { tenant: string | null; hasRealtime: boolean } | null = null;
let running: AbortController | null = null;

export function useNews(take: (news: News) => void): void {
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => followNews((news) => latest.current(news)), []);
}

/** Reloads soon after any news; many jobs at once are one reload. */
export function useReloadOnNews(reload: () => void): void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useNews(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      reload();
    }, SETTLE_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
}

export function followNews(take: (news: News) => void): () => void {
  followers.add(take);
  return () => void followers.delete(take);
}

/** Begins to listen for a tenant's news; the function that it gives ends that. */
export function startLive(tenant: string | null, hasRealtime: boolean): () => void {
  wanted = { tenant, hasRealtime };
  document.addEventListener('visibilitychange', decide);
  addEventListener('online', restart);
  restart();
  return () => {
    wanted = null;
    document.removeEventListener('visibilitychange', decide);
    removeEventListener('online', restart);
    running?.abort();
    running = null;
  };
}

/** Goes on while the tab is hidden, as somebody wants to be told of something, until the function given is called. */
export function stayAwake(): () => void {
  awakeFor += 1;
  return () => {
    awakeFor -= 1;
    decide();
  };
}

function decide(): void {
  const shouldRun = wanted !== null && (!document.hidden || awakeFor > 0);
  if (shouldRun && !running) restart();
  if (!shouldRun && running) {
    running.abort();
    running = null;
    if (wanted) liveState.set('paused');
  }
}

function restart(): void {
  running?.abort();
  running = null;
  if (!wanted || (document.hidden && awakeFor === 0)) return;
  running = new AbortController();
  liveState.set('connecting');
  void listen(wanted, running.signal);
}

async function listen(to: { tenant: string | null; hasRealtime: boolean }, signal: AbortSignal): Promise<void> {
  const socket = new Way(to.hasRealtime);
  const stream = new Way(true);
  const reader = new StreamReader();
  while (!signal.aborted) {
    if (socket.isWorthTrying()) {
      const lastedMs = await liveBySocket(to.tenant, signal);
      if (signal.aborted) return;
      liveState.set('connecting');
      await pause(socket.ended(lastedMs > 5_000), signal);
    } else if (stream.isWorthTrying()) {
      const worked = await readStream(to.tenant, reader, signal);
      if (signal.aborted) return;
      if (worked) liveState.set('stream');
      const backoffMs = stream.ended(worked);
      await pause(worked ? reader.retryMs : backoffMs, signal);
    } else {
      liveState.set('polling');
      tell({ kind: 'refresh' });
      await pause(POLL_MS, signal);
    }
  }
}

/** One way to get the news: after two failures in a row it is left alone for a while. */
class Way {
  private failures = 0;
  private notBefore: number;

  constructor(exists: boolean) {
    this.notBefore = exists ? 0 : Number.POSITIVE_INFINITY;
  }

  isWorthTrying(): boolean {
    return Date.now() >= this.notBefore;
  }

  /** Notes how it went; gives how long to wait before anything else is tried. */
  ended(well: boolean): number {
    this.failures = well ? 0 : this.failures + 1;
    if (this.failures < 2) return 500 + Math.random() * 500;
    this.notBefore = Date.now() + LEFT_ALONE_MS;
    return 0;
  }
}

/** Listens until the socket closes; gives how long it was open. */
async function liveBySocket(tenant: string | null, signal: AbortSignal): Promise<number> {
  let socket: WebSocket;
  try {
    socket = new WebSocket((await fetchTicket(tenant, signal)).url);
  } catch {
    return 0;
  }
  if (signal.aborted) socket.close();
  return new Promise((resolve) => {
    let openedAt = 0;
    const subscribe = () => socket.send(JSON.stringify({ action: 'subscribe' }));
    const keepAlive = setInterval(() => openedAt && subscribe(), KEEP_ALIVE_MS);
    const close = () => socket.close();
    signal.addEventListener('abort', close);
    socket.addEventListener('open', () => {
      openedAt = Date.now();
      subscribe();
      liveState.set('live');
      // What happened before the socket was open.
      tell({ kind: 'refresh' });
    });
    socket.addEventListener('message', (message) => takeMessage(String(message.data)));
    socket.addEventListener('close', () => {
      clearInterval(keepAlive);
      signal.removeEventListener('abort', close);
      resolve(openedAt ? Date.now() - openedAt : 0);
    });
  });
}

/** Reads what has changed since the last time; the server ends the answer at once. */
async function readStream(tenant: string | null, reader: StreamReader, signal: AbortSignal): Promise<boolean> {
  const isFirst = reader.lastEventId === null;
  try {
    const response = await openJobStream(tenant, reader.lastEventId, signal);
    if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) return false;
    for (const event of reader.read(await response.text())) if (event.name === 'job') takeMessage(event.data);
  } catch {
    return false;
  }
  if (isFirst) tell({ kind: 'refresh' });
  return true;
}

function takeMessage(text: string): void {
  try {
    const event = JSON.parse(text) as Partial<JobEvent>;
    if (event.type === 'job' && event.job && isLater(event.job.job_id, event.at)) tell({ kind: 'job', job: event.job });
  } catch {
    // Not one of ours; the next refresh shows what it may have meant.
  }
}

/** News overtake each other on their way: one that is older than what was told counts for nothing. */
function isLater(id: string, at: string | undefined): boolean {
  const time = Date.parse(at ?? '') || Date.now();
  if (time < (toldAt.get(id) ?? 0)) return false;
  toldAt.delete(id);
  toldAt.set(id, time);
  const oldest = toldAt.keys().next();
  if (toldAt.size > REMEMBERED && !oldest.done) toldAt.delete(oldest.value);
  return true;
}

function tell(news: News): void {
  for (const take of [...followers]) take(news);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
