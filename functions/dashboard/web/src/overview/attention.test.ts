import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection, Numbers, SyncStatus } from '../api-types.ts';
import { mattersOf } from './attention.ts';

const NOW = Date.parse('2026-11-22T13:00:00Z');
const NUMBERS: Numbers = {
  queued: 0,
  waiting: 0,
  running: 0,
  failed_today: 0,
  completed_today: 9,
  p95_duration_ms: null,
  oldest_waiting: null,
};

function sync(...states: Array<Connection['state']>): SyncStatus {
  const connections = states.map((state, index) => ({
    connection_id: String(index),
    provider: 'xero' as const,
    account_id: 'a',
    account_name: 'Brightwater',
    state,
    limited_until: null,
    budget: null,
    last_event_at: null,
    next_poll_at: null,
  }));
  return { connections, workflows: [], jobs_waiting_for_authorisation: 3 };
}

test('where nothing is wrong there is nothing to say', () => {
  assert.deepEqual(mattersOf(NUMBERS, sync('HEALTHY'), NOW), []);
  assert.deepEqual(mattersOf(NUMBERS, null, NOW), []);
});

test('what needs somebody comes before what heals by itself', () => {
  const oldest_waiting = { job_id: 'j', about: 'INV-1', since: '2026-11-22T12:00:00Z', reason: 'callback' as const };
  const matters = mattersOf({ ...NUMBERS, failed_today: 1, oldest_waiting }, sync('RATE_LIMITED', 'NEEDS_AUTHORISATION'), NOW);
  assert.deepEqual(matters.map(({ key, tone }) => `${key} ${tone}`), ['failed bad', '1 bad', '0 warn', 'oldest warn']);
  assert.equal(matters[0]?.text, '1 job failed today.');
  assert.equal(matters[1]?.text, 'Xero, Brightwater: needs a new authorisation. 3 jobs wait for one.');
});

test('a wait is worth a word when it is long, and is not told twice', () => {
  const waiting = (since: string, reason: 'backoff' | 'reauthorisation') =>
    mattersOf({ ...NUMBERS, oldest_waiting: { job_id: 'j', about: null, since, reason } }, null, NOW).length;
  assert.equal(waiting('2026-11-22T12:59:00Z', 'backoff'), 0);
  assert.equal(waiting('2026-11-22T12:30:00Z', 'backoff'), 1);
  assert.equal(waiting('2026-11-22T12:30:00Z', 'reauthorisation'), 0);
});
