import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chipsOf, couldMatch, filtersFrom, parametersOf, queryOf, suggestionsFor, withTyped } from './search.ts';

const NONE = filtersFrom(new URLSearchParams());
const VOCABULARY = { workflows: ['xero-invoice-to-hubspot', 'trading-sweep'], providers: ['xero', 'shopify'] };

test('what is typed becomes filters, and the rest is searched for', () => {
  const filters = withTyped(NONE, 'status:failed workflow:trading-sweep provider:Xero record:INV-0006 timed out');
  assert.deepEqual(filters.statuses, ['FAILED']);
  assert.deepEqual([filters.workflow, filters.provider], ['trading-sweep', 'xero']);
  assert.deepEqual(filters.terms, ['record:INV-0006', 'timed', 'out']);
  assert.equal(parametersOf(filters, 0).q, 'record:INV-0006 timed out');
});

test('quotation marks keep words together, with a qualifier or without', () => {
  assert.deepEqual(withTyped(NONE, 'record:"INV 6" "timed out" x').terms, ['record:"INV 6"', '"timed out"', 'x']);
});

test('a status that there is not, and a colon in a word, are searched for as they are', () => {
  assert.deepEqual(withTyped(NONE, 'status:great https://x').terms, ['status:great', 'https://x']);
});

test('filters survive the address', () => {
  const filters = withTyped(NONE, 'status:failed status:waiting workflow:trading-sweep job:019a "timed out"');
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(queryOf(filters))) if (value) query.set(name, value);
  assert.deepEqual(filtersFrom(query), { ...filters, statuses: ['WAITING', 'FAILED'] });
});

test('each chip takes one filter away', () => {
  const filters = withTyped(NONE, 'status:failed status:queued provider:xero record:"INV 6" slow');
  const chips = chipsOf(filters);
  assert.deepEqual(
    chips.map(({ name, value }) => `${name} ${value}`),
    ['status Failed', 'status Queued', 'provider Xero', 'record INV 6', 'text slow'],
  );
  for (const chip of chips) assert.equal(chipsOf(chip.without).length, chips.length - 1);
});

test('suggestions are qualifiers first, then their values', () => {
  assert.deepEqual(suggestionsFor('st', VOCABULARY).map(({ text }) => text), ['status:']);
  assert.deepEqual(suggestionsFor('slow status:f', VOCABULARY).map(({ text }) => text), ['slow status:failed ']);
  assert.deepEqual(suggestionsFor('workflow:xero', VOCABULARY).map(({ label }) => label), ['workflow:xero-invoice-to-hubspot']);
  assert.equal(suggestionsFor('', VOCABULARY).length, 5);
  assert.deepEqual(suggestionsFor('record:IN', VOCABULARY), []);
});

test('a new job counts as one of the list only where the page can tell', () => {
  const sweep = { job_type: 'trading-sweep', provider: null };
  assert.ok(couldMatch(NONE, sweep, 'RUNNING'));
  assert.ok(couldMatch(withTyped(NONE, 'workflow:trading-sweep'), sweep, 'RUNNING'));
  assert.ok(!couldMatch(withTyped(NONE, 'status:failed'), sweep, 'RUNNING'));
  assert.ok(!couldMatch(withTyped(NONE, 'provider:xero'), sweep, 'RUNNING'));
  assert.ok(!couldMatch(withTyped(NONE, 'words'), sweep, 'RUNNING'));
});
