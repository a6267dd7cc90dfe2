import assert from 'node:assert/strict';
import { test } from 'node:test';
import { draftOf, listOf, settingsOf, shownFields } from './settings.ts';
import { aboutOf } from './workflows.ts';

const { fields } = aboutOf('asana-task-to-hubspot');

test('what was saved and not touched is saved as it was', () => {
  const saved = {
    of_another_version: true,
    projects: ['12', '34'],
    notifications: [
      { to: 'slack', team: 'T1', channel: 'C1' },
      { to: 'slack_webhook', webhook: 'T1/B1' },
      { to: 'email', addresses: ['a@example.com', 'b@example.com'] },
      { to: 'fax', number: 1 },
    ],
  };
  assert.deepEqual(settingsOf(draftOf(saved, fields), saved, fields), saved);
});

test('what is emptied is left out, so that its default holds', () => {
  const saved = { projects: ['12'], notifications: [{ to: 'email', addresses: ['a@example.com'] }] };
  assert.deepEqual(settingsOf({ values: { projects: ' ' }, notifications: [] }, saved, fields), {});
});

test('a list is what stands between blanks, commas and line breaks', () => {
  assert.deepEqual(listOf(' 12, 34\n56;78 '), ['12', '34', '56', '78']);
  assert.deepEqual(listOf('  '), []);
});

test('each field of each channel has its path', () => {
  const draft = draftOf({ notifications: [{ to: 'email', addresses: [] }, { to: 'fax' }] }, fields);
  assert.deepEqual(shownFields(draft, fields), [
    'projects',
    'notifications[0].addresses',
    'notifications[0]',
    'notifications[1]',
  ]);
});
