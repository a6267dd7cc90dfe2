// The attempts of a step, as far as they are known: each that failed, and the last one. Pure.
import type { Step } from '../api-types.ts';

export interface Attempt {
  number: number;
  status: Step['status'];
  startedAt: string;
  durationMs: number | null;
  error: string | null;
}

export function attemptsOf(step: Step): Attempt[] {
  const failed = step.failed_attempts.map(
    (attempt, index): Attempt => ({
      number: index + 1,
      status: 'FAILED',
      startedAt: attempt.started_at,
      durationMs: Date.parse(attempt.ended_at) - Date.parse(attempt.started_at),
      error: attempt.error,
    }),
  );
  // The last one that failed is among them already.
  const lastFailed = step.failed_attempts.at(-1);
  const isLastKnown = lastFailed !== undefined && Date.parse(lastFailed.ended_at) > Date.parse(step.attempted_at);
  if (isLastKnown) return failed;
  const last: Attempt = {
    number: Math.max(step.attempts, failed.length + 1),
    status: step.status,
    startedAt: step.attempted_at,
    durationMs: step.finished_at ? Date.parse(step.finished_at) - Date.parse(step.attempted_at) : null,
    error: step.error,
  };
  return [...failed, last];
}
