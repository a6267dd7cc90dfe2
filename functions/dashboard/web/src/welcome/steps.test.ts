import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workflow } from '../admin-types.ts';
import { progressOf, type Started } from './steps.ts';

const workflow = (missing: string[], is_enabled: boolean): Workflow => ({
  job_type: 'xero-invoice-to-hubspot',
  is_enabled,
  settings: {},
  needs: ['xero', 'hubspot'],
  missing,
  updated_at: null,
});

function check(missing: string[], isOn: boolean, job: Started | null, expected: string): void {
  const { connect, switchOn, send, watch } = progressOf(workflow(missing, isOn), job);
  assert.equal(`${connect} ${switchOn} ${send} ${watch}`, expected);
}

const job = (status: string, isDryRun = false): Started => ({ status, isDryRun });

test('the first run goes from step to step', () => {
  check(['xero', 'hubspot'], false, null, 'now later later later');
  check(['hubspot'], false, null, 'now later later later');
  check([], false, null, 'done now later later');
  check([], true, null, 'done done now later');
  check([], true, job('RUNNING'), 'done done done now');
  check([], true, job('COMPLETED'), 'done done done done');
});

test('a step that is done stays done, even if one before it is not', () => {
  check(['xero'], true, null, 'now done later later');
  check([], false, job('FAILED'), 'done now done now');
});

test('what was only tried is still to do', () => {
  check([], true, job('COMPLETED', true), 'done done now now');
});
