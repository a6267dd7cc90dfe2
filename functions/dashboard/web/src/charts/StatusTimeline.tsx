// How many jobs were queued when, stacked by how they are now. A drag, or the keyboard, selects a range of time.
import { useState } from 'preact/hooks';
import type { Bucket } from '../api-types.ts';
import { STATUS_WORDS } from '../jobs/jobs.ts';
import { clockTicks, counted, count, localShort } from '../time.ts';
import { brushedRange, roundTop, stackOf, sumsOf, totalOf } from './scale.ts';
import { useWidth } from './size.ts';

interface Props {
  buckets: readonly Bucket[];
  bucketSeconds: number;
  onSelect: (from: string, to: string) => void;
}

const HEIGHT = 168;
const LEFT = 34;
const BOTTOM = 22;
const TOP = 8;

export function StatusTimeline({ buckets, bucketSeconds, onSelect }: Props) {
  const { element, width } = useWidth<HTMLDivElement>();
  const [cursor, setCursor] = useState<number | null>(null);
  const [anchor, setAnchor] = useState<number | null>(null);
  const [isDragging, setDragging] = useState(false);
  const top = roundTop(Math.max(...buckets.map(totalOf), 1));
  const inner = { width: Math.max(width - LEFT, 0), height: HEIGHT - TOP - BOTTOM };
  const step = buckets.length ? inner.width / buckets.length : 0;
  const spanMs = Math.max(buckets.length * bucketSeconds * 1_000, 1);
  const begin = Date.parse(buckets[0]?.at ?? '') || 0;

  const bucketAt = (clientX: number, target: HTMLElement) => {
    const x = clientX - target.getBoundingClientRect().left - LEFT;
    return Math.max(0, Math.min(Math.floor(x / step), buckets.length - 1));
  };
  const select = (a: number, b: number) => {
    const range = brushedRange(buckets, bucketSeconds, a, b);
    setAnchor(null);
    setDragging(false);
    if (range) onSelect(range.from, range.to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const at = cursor ?? buckets.length - 1;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buckets.length - 1 }[event.key];
    if (event.key === 'Enter' && cursor !== null) select(anchor ?? cursor, cursor);
    else if (event.key === 'Escape') setAnchor(null);
    else if (next === undefined) return;
    else {
      setAnchor(event.shiftKey ? (anchor ?? at) : null);
      setCursor(Math.max(0, Math.min(next, buckets.length - 1)));
    }
    event.preventDefault();
  };

  const [low, high] = cursor === null ? [0, -1] : [Math.min(cursor, anchor ?? cursor), Math.max(cursor, anchor ?? cursor)];
  const selected = buckets.slice(low, high + 1);
  return (
    <div
      ref={element}
      class="chart timeline"
      tabIndex={0}
      role="group"
      aria-label={`${counted(buckets.reduce((sum, bucket) => sum + totalOf(bucket), 0), 'job')} by when they were queued. Arrow keys move, with Shift they select, Enter shows what is selected.`}
      onKeyDown={onKeyDown}
      onBlur={() => setCursor(null)}
      onPointerDown={(event) => {
        if (event.button !== 0 || step === 0) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setAnchor(bucketAt(event.clientX, event.currentTarget));
        setDragging(true);
      }}
      onPointerMove={(event) => step > 0 && setCursor(bucketAt(event.clientX, event.currentTarget))}
      onPointerUp={(event) => {
        const at = bucketAt(event.clientX, event.currentTarget);
        if (isDragging && anchor !== null && at !== anchor) select(anchor, at);
        else setAnchor(null);
        setDragging(false);
      }}
      onPointerCancel={() => setAnchor(null)}
      onPointerLeave={() => !isDragging && setCursor(null)}
    >
      <svg width={width} height={HEIGHT} aria-hidden="true">
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="rule" x1={LEFT} x2={width} y1={yOf(share)} y2={yOf(share)} />
            <text class="tick" x={LEFT - 6} y={yOf(share) + 4} text-anchor="end">
              {count(share * top)}
            </text>
          </g>
        ))}
        {cursor !== null && (
          <rect
            class={anchor === null ? 'cursor' : 'brush'}
            x={LEFT + Math.min(cursor, anchor ?? cursor) * step}
            width={(Math.abs(cursor - (anchor ?? cursor)) + 1) * step}
            y={TOP}
            height={inner.height}
          />
        )}
        {buckets.map((bucket, index) =>
          stackOf(bucket, top).map((part) => (
            <rect
              key={bucket.at + part.status}
              class={`fill-${part.status.toLowerCase()}`}
              x={LEFT + index * step + Math.min(1, step * 0.15)}
              width={Math.max(step - Math.min(2, step * 0.3), 0.5)}
              y={yOf(part.to)}
              height={Math.max(yOf(part.from) - yOf(part.to), 1)}
            />
          )),
        )}
        {clockTicks(begin, begin + spanMs, Math.max(Math.floor(inner.width / 90), 2)).map((at) => (
          <text
            key={at}
            class="tick"
            x={Math.min(Math.max(LEFT + ((at - begin) / spanMs) * inner.width, LEFT + 18), width - 22)}
            y={HEIGHT - 5}
            text-anchor="middle"
          >
            {localShort(at, spanMs)}
          </text>
        ))}
      </svg>
      <p class="chart-note" aria-live="polite">
        {selected.length > 0 ? <SelectionText buckets={selected} spanMs={spanMs} /> : <Legend buckets={buckets} />}
      </p>
    </div>
  );
}

function SelectionText({ buckets, spanMs }: { buckets: readonly Bucket[]; spanMs: number }) {
  const [first, last] = [buckets[0], buckets.at(-1)].map((bucket) => localShort(Date.parse(bucket?.at ?? ''), spanMs));
  const sums = sumsOf(buckets);
  return (
    <>
      <strong>{first === last ? first : `${first} – ${last}`}</strong>
      {sums.every(({ sum }) => sum === 0) && <span>no jobs</span>}
      <Keys sums={sums.filter(({ sum }) => sum > 0)} />
    </>
  );
}

function Legend({ buckets }: { buckets: readonly Bucket[] }) {
  return <Keys sums={sumsOf(buckets)} />;
}

function Keys({ sums }: { sums: ReturnType<typeof sumsOf> }) {
  return (
    <>
      {sums.map(({ status, sum }) => (
        <span key={status} class={`key key-${status.toLowerCase()}`}>
          {count(sum)} {STATUS_WORDS[status].word.toLowerCase()}
        </span>
      ))}
    </>
  );
}

function yOf(share: number): number {
  return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

