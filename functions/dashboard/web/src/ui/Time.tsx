// Times that grow older while one looks, with the exact instant on hover and focus.
import { useEffect, useState } from 'preact/hooks';
import { duration, exactLocal, exactUtc, relative } from '../time.ts';
import { createStore, useStore } from '../store.ts';

const now = createStore(Date.now());
setInterval(() => document.hidden || now.set(Date.now()), 1_000);

/** The time, each second while `isTicking`; otherwise that of the first look. */
export function useNow(isTicking = true): number {
  const [at, setAt] = useState(now.get());
  useEffect(() => (isTicking ? now.follow(setAt) : undefined), [isTicking]);
  return at;
}

/** In a table the exact time is shown on hover only: a stop of the tab key for each row would be in the way. */
export function RelativeTime({ at, isStop = false }: { at: string | null; isStop?: boolean }) {
  if (at === null) return <span class="muted">—</span>;
  return <Ticking key={at} at={at} isStop={isStop} />;
}

function Ticking({ at, isStop }: { at: string; isStop: boolean }) {
  const instant = Date.parse(at);
  const text = useStore(now, (current) => relative(instant, current));
  const exact = `${exactUtc(instant)}\n${exactLocal(instant)}`;
  return (
    <time dateTime={at} data-tip={exact} tabIndex={isStop ? 0 : undefined}>
      {text}
    </time>
  );
}

/** When something goes on, for what has not yet: a time that has passed may be met any moment. */
export function DueTime({ at }: { at: string }) {
  const isPast = useStore(now, (current) => Date.parse(at) <= current);
  return isPast ? <>any moment</> : <RelativeTime at={at} />;
}

/** How long it took; `ms` null is not known yet. */
export function Duration({ ms }: { ms: number | null }) {
  return ms === null ? <span class="muted">—</span> : <span class="number">{duration(ms)}</span>;
}
