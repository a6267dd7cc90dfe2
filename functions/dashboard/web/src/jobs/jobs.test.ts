import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobChange, JobSummary } from '../api-types.ts';
import {
  appendRows,
  columnsFrom,
  columnsText,
  patchRows,
  renewPage,
  runMs,
  statusOf,
  whyStateForbids,
} from './jobs.ts';

function job(id: string, more: Partial<JobSummary> = {}): JobSummary {
  return {
    job_id: id,
    job_type: 'xero-invoice-to-hubspot',
    status: 'RUNNING',
    about: 'INV-0006',
    is_dry_run: false,
    provider: 'xero',
    created_at: '2026-11-22T13:00:00Z',
    started_at: '2026-11-22T13:00:01Z',
    completed_at: null,
    duration_ms: null,
    waiting_reason: null,
    due_at: null,
    error: null,
    ...more,
  };
}

test('a live job that waits is waiting, one that has ended is not', () => {
  assert.equal(statusOf(job('a', { waiting_reason: 'backoff' })), 'WAITING');
  assert.equal(statusOf(job('a', { status: 'QUEUED' })), 'QUEUED');
  assert.equal(statusOf(job('a', { status: 'FAILED', waiting_reason: 'backoff' })), 'FAILED');
});

test('an end with nothing to do is neither a success nor a failure to look at', () => {
  const ended = job('a', { status: 'COMPLETED' });
  assert.equal(statusOf(ended, { outcome: 'nothing to do', summary: 'It is a bill.' }), 'NOTHING_TO_DO');
  assert.equal(statusOf(ended, { outcome: 'updated' }), 'COMPLETED');
  assert.equal(statusOf(ended, ['nothing to do']), 'COMPLETED');
});

test('news patch their row in place and take nothing away that they leave out', () => {
  const rows = [job('a'), job('b'), job('c')];
  const news: JobChange = { ...job('b', { status: 'COMPLETED', duration_ms: 900 }) };
  delete news.about;
  const { rows: patched, isKnown } = patchRows(rows, news);
  assert.ok(isKnown);
  assert.deepEqual(patched.map((row) => row.job_id), ['a', 'b', 'c']);
  assert.deepEqual([patched[1]?.status, patched[1]?.about, patched[1]?.duration_ms], ['COMPLETED', 'INV-0006', 900]);
  assert.equal(rows[1]?.status, 'RUNNING');
});

test('news of a job that is not shown change nothing', () => {
  const rows = [job('a')];
  assert.deepEqual(patchRows(rows, job('z')), { rows, isKnown: false });
});

test('a next page brings no row twice', () => {
  const rows = appendRows([job('a'), job('b')], [job('b'), job('c')]);
  assert.deepEqual(rows.map((row) => row.job_id), ['a', 'b', 'c']);
});

test('a first page loaded again keeps what was shown below it, and nothing that has left it', () => {
  const at = (minute: number) => ({ created_at: `2026-11-22T13:0${minute}:00Z` });
  const page = (next_cursor: string | null, ...jobs: JobSummary[]) => ({ jobs, next_cursor, search: null });
  const shown = page('after-a', job('d', at(4)), job('c', at(3)), job('b', at(2)), job('a', at(1)));
  const first = page('after-c', job('e', at(5)), job('c', at(3)));
  const renewed = renewPage(shown, first);
  assert.deepEqual(renewed.jobs.map((row) => row.job_id), ['e', 'c', 'b', 'a']);
  assert.equal(renewed.next_cursor, 'after-a');
  assert.deepEqual(renewPage(shown, page(null, job('e', at(5)))).jobs.length, 1);
});

test('a running job has run since its start', () => {
  const now = Date.parse('2026-11-22T13:00:05Z');
  assert.equal(runMs(job('a'), now), 4_000);
  assert.equal(runMs(job('a', { duration_ms: 12 }), now), 12);
  assert.equal(runMs(job('a', { started_at: null }), now), null);
  assert.equal(runMs(job('a', { status: 'CANCELLED' }), now), null);
});

test('the state says what can be done, once', () => {
  assert.equal(whyStateForbids('retry', 'FAILED', null), null);
  assert.equal(whyStateForbids('cancel', 'QUEUED', null), null);
  assert.match(whyStateForbids('retry', 'RUNNING', null) ?? '', /Only a failed/);
  assert.match(whyStateForbids('cancel', 'COMPLETED', null) ?? '', /has ended/);
  assert.match(whyStateForbids('retry', 'FAILED', 'RETRY') ?? '', /already/);
  assert.match(whyStateForbids('cancel', 'RUNNING', 'CANCEL') ?? '', /already/);
});

test('the columns of the address are taken in our order, and the usual ones are not written there', () => {
  assert.deepEqual(columnsFrom(new URLSearchParams('columns=id,workflow,nonsense')), ['status', 'about', 'workflow', 'id']);
  assert.equal(columnsText(columnsFrom(new URLSearchParams())), null);
  assert.equal(columnsText(['status', 'about']), 'status,about');
});
