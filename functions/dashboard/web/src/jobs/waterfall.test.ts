import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step, Wait } from '../api-types.ts';
import { duration } from '../time.ts';
import { attemptsOf } from './attempts.ts';
import { describe, waterfallOf } from './waterfall.ts';

const START = Date.parse('2026-11-22T13:00:00.000Z');
const at = (ms: number) => new Date(START + ms).toISOString();

function step(name: string, more: Partial<Step> = {}): Step {
  return {
    name,
    position: 1,
    status: 'DONE',
    attempts: 1,
    failures: 0,
    started_at: at(100),
    attempted_at: at(100),
    finished_at: at(400),
    output: null,
    error: null,
    failed_attempts: [],
    ...more,
  };
}

function wait(name: string | null, from: number, to: number | null, more: Partial<Wait> = {}): Wait {
  const ended_at = to === null ? null : at(to);
  return { step: name, reason: 'backoff', started_at: at(from), due_at: null, ended_at, ...more };
}

const JOB = { created_at: at(0), completed_at: at(5_000), steps: [step('read')], waits: [] as Wait[] };

/** The pieces of a row as `kind from-to`, in ms since the job's start. */
function pieces(job: typeof JOB, name: string, now = START + 5_000): string[] {
  const row = waterfallOf(job, now).rows.find((candidate) => candidate.step === name);
  return (row?.pieces ?? []).map(({ kind, from, to }) => `${kind} ${from - START}-${to - START}`);
}

test('the time before the first step is time in line', () => {
  assert.deepEqual(pieces(JOB, ''), ['line 0-100']);
  assert.deepEqual(pieces(JOB, 'read'), ['done 100-400']);
});

test('a failed attempt, the wait after it and the attempt that worked stand side by side', () => {
  const failed = { started_at: at(100), ended_at: at(300), error: 'no' };
  const read = step('read', { attempts: 2, attempted_at: at(2_300), finished_at: at(2_500), failed_attempts: [failed] });
  const job = { ...JOB, steps: [read], waits: [wait('read', 300, 2_300)] };
  assert.deepEqual(pieces(job, 'read'), ['failed 100-300', 'waiting 300-2300', 'done 2300-2500']);
  const [, row] = waterfallOf(job, START).rows;
  assert.equal(row && describe(row, duration), '2 attempts, ran for 400 ms, waited 2.0 s before the next attempt');
});

test('a wait within an attempt is no work', () => {
  const read = step('read', { finished_at: at(3_000) });
  const job = { ...JOB, steps: [read], waits: [wait('read', 500, 2_500, { reason: 'rate budget' })] };
  assert.deepEqual(pieces(job, 'read'), ['done 100-500', 'waiting 500-2500', 'done 2500-3000']);
});

test('what goes on goes on until now', () => {
  const running = step('read', { status: 'RUNNING', finished_at: null });
  assert.deepEqual(pieces({ ...JOB, completed_at: null as never, steps: [running] }, 'read', START + 900), ['running 100-900']);
  const waiting = step('read', { status: 'WAITING', finished_at: null });
  const job = { ...JOB, completed_at: null as never, steps: [waiting], waits: [wait('read', 200, null)] };
  assert.deepEqual(pieces(job, 'read', START + 900), ['waiting 200-900']);
});

test('a wait of the job itself is shown before its steps, apart from the line', () => {
  const job = { ...JOB, steps: [step('read', { started_at: at(4_000) })], waits: [wait(null, 1_000, 3_000, { reason: 'fair share' })] };
  assert.deepEqual(pieces(job, ''), ['line 0-1000', 'waiting 1000-3000', 'line 3000-4000']);
});

test('a job without steps is in line until its end', () => {
  assert.deepEqual(pieces({ ...JOB, steps: [] }, ''), ['line 0-5000']);
});

test('the last attempt is told once, whether it failed or not', () => {
  const failed = { started_at: at(100), ended_at: at(300), error: 'no' };
  const ended = step('read', { status: 'FAILED', finished_at: null, error: 'no', failed_attempts: [failed] });
  assert.deepEqual(attemptsOf(ended).map(({ number, status }) => `${number} ${status}`), ['1 FAILED']);
  const again = step('read', { attempts: 2, attempted_at: at(900), failed_attempts: [failed] });
  assert.deepEqual(attemptsOf(again).map(({ number, status }) => `${number} ${status}`), ['1 FAILED', '2 DONE']);
});
