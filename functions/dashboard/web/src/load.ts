// Loading what a view shows: loading, failed or ready, and nothing else.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';

export type View<T> =
  | { state: 'loading' }
  | { state: 'failed'; error: ApiError }
  /** `stale` says why what is shown could not be brought up to date. */
  | { state: 'ready'; data: T; stale: ApiError | null };

/** What was shown last, so that going back paints at once and is then brought up to date. */
const shownBefore = new Map<string, unknown>();
const KEPT = 24;

/** What is being loaded for a view that is not there yet. */
const onTheWay = new Map<string, Promise<unknown>>();

export function forgetShown(): void {
  shownBefore.clear();
  onTheWay.clear();
}

/** Begins to load what a view of this key is going to ask for, so that the view need not wait for what comes before it. */
export function loadAhead<T>(key: string, load: (signal: AbortSignal) => Promise<T>): void {
  if (shownBefore.has(key) || onTheWay.has(key)) return;
  const loading = load(new AbortController().signal);
  // Whoever takes it over hears of a failure.
  loading.catch(() => undefined);
  onTheWay.set(key, loading);
}

/**
 * Loads when `key` changes and when `reload` is called. A reload is quiet: what is shown stays until the new is there,
 * and `merge` says what becomes of both.
 */
export function useView<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  merge: (shown: T, loaded: T) => T = (_, loaded) => loaded,
): { view: View<T>; reload: () => void; replace: (change: (data: T) => T) => void } {
  const [shown, setShown] = useState<{ key: string; view: View<T> }>(() => ({ key, view: firstView(key) }));
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    const abort = new AbortController();
    const settle = (change: (before: View<T>) => View<T>) => {
      if (abort.signal.aborted) return;
      setShown((before) => ({ key, view: change(before.key === key ? before.view : firstView(key)) }));
    };
    settle((before) => before);
    const begun = onTheWay.get(key) as Promise<T> | undefined;
    onTheWay.delete(key);
    (begun ?? latest.current(abort.signal)).then(
      (loaded) =>
        settle((before) => {
          const data = before.state === 'ready' ? merge(before.data, loaded) : loaded;
          remember(key, data);
          return { state: 'ready', data, stale: null };
        }),
      (cause) => {
        const error = asApiError(cause);
        settle((before) => (before.state === 'ready' ? { ...before, stale: error } : { state: 'failed', error }));
      },
    );
    return () => abort.abort();
  }, [key, round]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const replace = useCallback(
    (change: (data: T) => T) =>
      setShown((before) => {
        if (before.view.state !== 'ready') return before;
        const data = change(before.view.data);
        remember(before.key, data);
        return { ...before, view: { ...before.view, data } };
      }),
    [],
  );
  return { view: shown.key === key ? shown.view : firstView(key), reload, replace };
}

export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError(0, 'The page failed', cause instanceof Error ? cause.message : String(cause));
}

function firstView<T>(key: string): View<T> {
  return shownBefore.has(key)
    ? { state: 'ready', data: shownBefore.get(key) as T, stale: null }
    : { state: 'loading' };
}

function remember(key: string, data: unknown): void {
  shownBefore.delete(key);
  shownBefore.set(key, data);
  const oldest = shownBefore.keys().next();
  if (shownBefore.size > KEPT && !oldest.done) shownBefore.delete(oldest.value);
}
