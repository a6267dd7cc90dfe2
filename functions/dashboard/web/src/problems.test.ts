import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemOf, problemOfWhole } from './problems.ts';

const SHOWN = ['projects', 'notifications[0].addresses', 'notifications[0]'];

test('a problem stands at the field that it names, or that holds what it names', () => {
  const problems = [
    { field: 'settings.projects[3]', rule: 'It is no id.' },
    { field: 'notifications[0].addresses[1]', rule: 'It is no address.' },
    { field: 'notifications[0]', rule: 'It is too much.' },
  ];
  assert.equal(problemOf(problems, SHOWN, 'projects'), 'It is no id.');
  assert.equal(problemOf(problems, SHOWN, 'notifications[0].addresses'), 'It is no address.');
  assert.equal(problemOf(problems, SHOWN, 'notifications[0]'), 'It is too much.');
  assert.equal(problemOfWhole(problems, SHOWN, 'all of it'), null);
});

test('what no field can say is said of the whole', () => {
  const problems = [
    { field: 'tax_type', rule: 'It is unknown.' },
    { field: '', rule: 'It must be an object.' },
  ];
  assert.equal(problemOfWhole(problems, SHOWN, ''), 'tax_type: It is unknown. It must be an object.');
  assert.equal(problemOfWhole([], SHOWN, 'The provider is down.'), 'The provider is down.');
});
