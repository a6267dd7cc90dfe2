import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamReader } from './stream.ts';

test('events, the last id and the pause are read out of an answer', () => {
  const reader = new StreamReader();
  const events = reader.read('retry: 1500\n\nevent: job\nid: 7\ndata: {"a":1}\n\n: a remark\n\nid: 8\nevent: told\ndata: {}\n\n');
  assert.deepEqual(events, [
    { name: 'job', data: '{"a":1}' },
    { name: 'told', data: '{}' },
  ]);
  assert.deepEqual([reader.lastEventId, reader.retryMs], ['8', 1_500]);
});

test('an event that was cut off is left for the next answer', () => {
  const reader = new StreamReader();
  assert.deepEqual(reader.read('id: 1\ndata: whole\n\nid: 2\ndata: ha'), [{ name: 'message', data: 'whole' }]);
  assert.equal(reader.lastEventId, '1');
});

test('data of several lines are one text, and other line ends are understood', () => {
  assert.deepEqual(new StreamReader().read('data: a\r\ndata: b\r\n\r\n'), [{ name: 'message', data: 'a\nb' }]);
});

test('a pause that is no number or nearly none is not taken', () => {
  const reader = new StreamReader();
  reader.read('retry: soon\n\nretry: 1\n\n');
  assert.equal(reader.retryMs, 500);
});
