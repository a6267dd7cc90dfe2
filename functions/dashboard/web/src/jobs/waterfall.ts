// Where a job's time went: for each step the pieces in which it ran and those in which it waited, and for what. Pure.
import type { FailedAttempt, JobDetail, Step, Wait, WaitingReason } from '../api-types.ts';
import { WAITING_WORDS } from './jobs.ts';

export type Piece =
  | { kind: 'line' | 'done' | 'running' | 'failed'; from: number; to: number; attempt: number }
  | { kind: 'waiting'; reason: WaitingReason; from: number; to: number; until: number | null };

export interface Row {
  /** Empty for what belongs to the job and no step. */
  step: string;
  label: string;
  status: Step['status'] | 'LINE';
  attempts: number;
  pieces: Piece[];
  runningMs: number;
  waitingMs: number;
}

export interface Waterfall {
  from: number;
  to: number;
  rows: Row[];
  /** All rows' time together. */
  runningMs: number;
  waitingMs: number;
  reasons: WaitingReason[];
}

type Timed = Pick<JobDetail, 'created_at' | 'completed_at' | 'steps' | 'waits'>;

export function waterfallOf(job: Timed, now: number): Waterfall {
  const from = Date.parse(job.created_at);
  const to = Math.max(from + 1, job.completed_at ? Date.parse(job.completed_at) : now);
  const rows = [lineRow(job, from, to), ...job.steps.map((step) => stepRow(step, job.waits, to))];
  const reasons = rows.flatMap(({ pieces }) => pieces.flatMap((piece) => (piece.kind === 'waiting' ? piece.reason : [])));
  return {
    from,
    to,
    rows,
    runningMs: sum(rows.map((row) => row.runningMs)),
    waitingMs: sum(rows.map((row) => row.waitingMs)),
    reasons: [...new Set(reasons)],
  };
}

/** What the row says to somebody who does not see it. */
export function describe(row: Row, duration: (ms: number) => string): string {
  const attempts = row.attempts > 1 ? `${row.attempts} attempts, ` : '';
  const running = row.status === 'LINE' ? '' : `ran for ${duration(row.runningMs)}`;
  const waits = row.pieces.flatMap((piece) => {
    if (piece.kind === 'line') return `${duration(piece.to - piece.from)} in line`;
    if (piece.kind !== 'waiting') return [];
    return `waited ${duration(piece.to - piece.from)} ${WAITING_WORDS[piece.reason]}`;
  });
  return attempts + [running, ...waits].filter(Boolean).join(', ');
}

/** Before the first step, and the waits that no step asked for. */
function lineRow(job: Timed, from: number, to: number): Row {
  const begun = job.steps[0] ? Date.parse(job.steps[0].started_at) : to;
  const waits = job.waits.filter((wait) => wait.step === null).map((wait) => waitPiece(wait, to));
  const line = gaps(from, Math.max(begun, from), waits).map(
    (gap): Piece => ({ kind: 'line', ...gap, attempt: 0 }),
  );
  return finished({ step: '', label: 'In line', status: 'LINE', attempts: 0, pieces: [...line, ...waits] });
}

function stepRow(step: Step, allWaits: Wait[], jobEnd: number): Row {
  const waits = allWaits.filter((wait) => wait.step === step.name).map((wait) => waitPiece(wait, jobEnd));
  const failed = step.failed_attempts.map(
    (attempt: FailedAttempt, index): Piece => ({
      kind: 'failed',
      from: Date.parse(attempt.started_at),
      to: Date.parse(attempt.ended_at),
      attempt: index + 1,
    }),
  );
  const pieces = [...failed, ...waits, ...lastAttempt(step, waits, jobEnd)];
  return finished({ step: step.name, label: step.name, status: step.status, attempts: step.attempts, pieces });
}

/** The attempt that ended well or goes on. One that failed or waits has left its own trace. */
function lastAttempt(step: Step, waits: Piece[], jobEnd: number): Piece[] {
  if (step.status !== 'DONE' && step.status !== 'RUNNING') return [];
  const began = Date.parse(step.attempted_at);
  const ended = step.finished_at ? Date.parse(step.finished_at) : jobEnd;
  const kind = step.status === 'DONE' ? 'done' : 'running';
  // A wait that began within the attempt is no work.
  return gaps(began, Math.max(ended, began), waits).map((gap) => ({ kind, ...gap, attempt: step.attempts }));
}

function waitPiece(wait: Wait, jobEnd: number): Piece {
  return {
    kind: 'waiting',
    reason: wait.reason,
    from: Date.parse(wait.started_at),
    to: wait.ended_at ? Date.parse(wait.ended_at) : jobEnd,
    until: wait.due_at ? Date.parse(wait.due_at) : null,
  };
}

/** The parts of a stretch that none of the pieces covers. */
function gaps(from: number, to: number, pieces: Piece[]): Array<{ from: number; to: number }> {
  const left: Array<{ from: number; to: number }> = [];
  let at = from;
  for (const piece of [...pieces].sort((a, b) => a.from - b.from)) {
    if (piece.from > at && at < to) left.push({ from: at, to: Math.min(piece.from, to) });
    at = Math.max(at, piece.to);
  }
  if (at < to || left.length === 0) left.push({ from: Math.min(at, to), to });
  return left;
}

function finished(row: Omit<Row, 'runningMs' | 'waitingMs'>): Row {
  const pieces = [...row.pieces].sort((a, b) => a.from - b.from);
  const length = (isWait: boolean) =>
    sum(pieces.filter(({ kind }) => (kind === 'waiting' || kind === 'line') === isWait).map(({ from, to }) => to - from));
  return { ...row, pieces, runningMs: length(false), waitingMs: length(true) };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
