// A dot for each job that ended: when it was queued, how long it ran, how it ended. A dot opens its job.
// A path a status, not an element a dot, so that two thousand cost nothing.
import { useMemo, useState } from 'preact/hooks';
import type { Dot } from '../api-types.ts';
import { nameOf, STATUS_WORDS } from '../jobs/jobs.ts';
import { hrefTo, navigate } from '../router.ts';
import { clip, visibleLine } from '../text.ts';
import { clockTicks, counted, duration, localShort } from '../time.ts';
import { durationDecades, durationShare, nearest, type Placed } from './scale.ts';
import { useWidth } from './size.ts';

interface Props {
  dots: readonly Dot[];
  from: string;
  to: string;
}

const HEIGHT = 220;
const LEFT = 48;
const BOTTOM = 22;
const TOP = 8;
const REACH_PX = 24;
const DRAWN = ['COMPLETED', 'CANCELLED', 'FAILED'] as const;

export function DurationScatter({ dots, from, to }: Props) {
  const { element, width } = useWidth<HTMLDivElement>();
  const [chosen, setChosen] = useState<number | null>(null);
  const begin = Date.parse(from);
  const span = Math.max(Date.parse(to) - begin, 1);
  const decades = useMemo(() => durationDecades(dots), [dots]);
  const placed = useMemo(
    () =>
      dots
        .map((dot): Placed => {
          const x = LEFT + ((Date.parse(dot.at) - begin) / span) * Math.max(width - LEFT - 8, 0);
          return { dot, x, y: yOf(durationShare(dot.duration_ms, decades)) };
        })
        .sort((a, b) => a.x - b.x),
    [dots, width, begin, span],
  );
  const shown = chosen === null ? undefined : placed[chosen];
  const open = () => shown && navigate(hrefTo(`/jobs/${shown.dot.job_id}`));
  const onKeyDown = (event: KeyboardEvent) => {
    const at = chosen ?? placed.length;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: placed.length - 1 }[event.key];
    if (event.key === 'Enter') open();
    else if (next === undefined) return;
    else setChosen(Math.max(0, Math.min(next, placed.length - 1)));
    event.preventDefault();
  };

  return (
    <div
      ref={element}
      class={`chart scatter ${shown ? 'has-target' : ''}`}
      tabIndex={0}
      role="group"
      aria-label={`How long ${counted(dots.length, 'job')} ran. Arrow keys move from job to job, Enter opens one.`}
      onKeyDown={onKeyDown}
      onBlur={() => setChosen(null)}
      onPointerMove={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const near = nearest(placed, event.clientX - box.left, event.clientY - box.top, REACH_PX);
        setChosen(near ? placed.indexOf(near) : null);
      }}
      onPointerLeave={() => setChosen(null)}
      onClick={open}
    >
      <svg width={width} height={HEIGHT} aria-hidden="true">
        {decadesBetween(decades).map((power) => {
          const y = yOf((power - decades.low) / (decades.high - decades.low));
          return (
            <g key={power}>
              <line class="rule" x1={LEFT} x2={width} y1={y} y2={y} />
              <text class="tick" x={LEFT - 6} y={y + 4} text-anchor="end">
                {shortDuration(10 ** power)}
              </text>
            </g>
          );
        })}
        {DRAWN.map((status) => (
          <path key={status} class={`dots dots-${status.toLowerCase()}`} d={pathOf(placed, status)} />
        ))}
        {shown && <circle class={`dot-ring ring-${shown.dot.status.toLowerCase()}`} cx={shown.x} cy={shown.y} r={6} />}
        {clockTicks(begin, begin + span, Math.max(Math.floor((width - LEFT) / 90), 2)).map((at) => (
          <text
            key={at}
            class="tick"
            x={Math.min(Math.max(LEFT + ((at - begin) / span) * (width - LEFT - 8), LEFT + 18), width - 26)}
            y={HEIGHT - 5}
            text-anchor="middle"
          >
            {localShort(at, span)}
          </text>
        ))}
      </svg>
      <p class="chart-note" aria-live="polite">
        {shown ? <DotText dot={shown.dot} /> : <span class="muted">Queued at, and how long it ran. Point at a dot to see its job.</span>}
      </p>
    </div>
  );
}

function DotText({ dot }: { dot: Dot }) {
  return (
    <>
      <strong>{visibleLine(clip(nameOf(dot), 60))}</strong>
      <span class={`key key-${dot.status.toLowerCase()}`}>{STATUS_WORDS[dot.status].word.toLowerCase()}</span>
      <span>{duration(dot.duration_ms)}</span>
      <span class="muted">{dot.job_type}</span>
    </>
  );
}

/** Lines of no length: their round ends are the dots. */
function pathOf(placed: readonly Placed[], status: string): string {
  return placed
    .filter(({ dot }) => dot.status === status)
    .map(({ x, y }) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`)
    .join('');
}

function decadesBetween({ low, high }: { low: number; high: number }): number[] {
  return Array.from({ length: high - low + 1 }, (_, index) => low + index);
}

function shortDuration(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${ms / 1_000} s`;
  return duration(ms).split(' ').slice(0, 2).join(' ');
}

function yOf(share: number): number {
  return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}
