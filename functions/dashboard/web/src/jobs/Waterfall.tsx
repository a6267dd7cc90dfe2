// Where a job's time went, drawn: a row a step, a bar for each piece of time.
import type { JobDetail } from '../api-types.ts';
import { duration, ticks } from '../time.ts';
import { Link } from '../ui/Link.tsx';
import { useNow } from '../ui/Time.tsx';
import { describe, type Piece, type Row, type Waterfall as Shape, waterfallOf } from './waterfall.ts';
import { isEnded, WAITING_WORDS } from './jobs.ts';

/** With the place for the last label. */
const MOST_TICKS = 6;

/** `mostTicks` is less where it has to be narrow. */
export function Waterfall({ job, mostTicks = MOST_TICKS }: { job: JobDetail; mostTicks?: number }) {
  const now = useNow(!isEnded(job.status));
  const shape = waterfallOf(job, now);
  const total = shape.to - shape.from;
  return (
    <div class="waterfall">
      <div class="waterfall-axis" aria-hidden="true">
        {ticks(total, mostTicks).map((mark) => (
          <span key={mark} style={{ left: `${(mark / total) * 100}%` }}>
            {mark === 0 ? '0' : duration(mark)}
          </span>
        ))}
      </div>
      <ol>
        {shape.rows.map((row, index) => (
          <li key={row.step + index} class={`waterfall-row is-${row.status.toLowerCase()}`}>
            <RowLabel row={row} jobId={job.job_id} />
            <div class="waterfall-track" aria-hidden="true">
              {row.pieces.map((piece, at) => (
                <Bar key={at} piece={piece} shape={shape} />
              ))}
            </div>
            <span class="waterfall-time number">{timeOf(row)}</span>
            <span class="sr-only">{describe(row, duration)}</span>
          </li>
        ))}
      </ol>
      <Key shape={shape} />
    </div>
  );
}

function RowLabel({ row, jobId }: { row: Row; jobId: string }) {
  const tries = row.attempts > 1 ? <small class="muted"> ×{row.attempts}</small> : null;
  if (row.status === 'LINE') return <span class="waterfall-label muted">{row.label}</span>;
  return (
    <span class="waterfall-label">
      <Link href={`/jobs/${jobId}/steps/${encodeURIComponent(row.step)}`}>{row.label}</Link>
      {tries}
    </span>
  );
}

function Bar({ piece, shape }: { piece: Piece; shape: Shape }) {
  const total = shape.to - shape.from;
  const left = Math.max(((piece.from - shape.from) / total) * 100, 0);
  const width = Math.max(((piece.to - piece.from) / total) * 100, 0);
  return (
    <span
      class={`bar is-${piece.kind}`}
      data-tip={tipOf(piece)}
      style={{ left: `min(${left}%, 100% - 3px)`, width: `max(${Math.min(width, 100 - left)}%, 3px)` }}
    />
  );
}

function Key({ shape }: { shape: Shape }) {
  return (
    <p class="chart-note">
      <span class="key key-completed">ran {duration(shape.runningMs)}</span>
      <span class="key key-waiting">waited {duration(shape.waitingMs)}</span>
      {shape.rows.some((row) => row.pieces.some((piece) => piece.kind === 'failed')) && (
        <span class="key key-failed">failed attempt</span>
      )}
      {shape.reasons.length > 0 && (
        <span class="muted">waited {shape.reasons.map((reason) => WAITING_WORDS[reason]).join(', ')}</span>
      )}
    </p>
  );
}

function tipOf(piece: Piece): string {
  const length = duration(piece.to - piece.from);
  switch (piece.kind) {
    case 'line':
      return `In line for ${length}`;
    case 'waiting':
      return `Waited ${length} ${WAITING_WORDS[piece.reason]}`;
    case 'failed':
      return `Attempt ${piece.attempt} failed after ${length}`;
    case 'running':
      return `Attempt ${piece.attempt} has been running for ${length}`;
    case 'done':
      return `Attempt ${piece.attempt} took ${length}`;
  }
}

function timeOf(row: Row): string {
  return duration(row.status === 'LINE' ? row.waitingMs : row.runningMs);
}
