import assert from 'node:assert/strict';
import { test } from 'node:test';
import { previewOf, whyNoPreview } from './preview.ts';

test('JSON, its lines and text are looked into', () => {
  assert.deepEqual(previewOf('application/json', '{"a":1}'), { kind: 'json', value: { a: 1 } });
  assert.deepEqual(previewOf('application/json', 'broken'), { kind: 'text', text: 'broken' });
  assert.deepEqual(previewOf('application/x-ndjson', '{"a":1}\n\nbroken\n2\n'), {
    kind: 'lines',
    values: [{ a: 1 }, 2],
    broken: 1,
  });
  assert.deepEqual(previewOf('text/csv', 'a,b'), { kind: 'text', text: 'a,b' });
});

test('what is large or no text is downloaded', () => {
  assert.equal(whyNoPreview('application/json', 256 * 1024), null);
  assert.equal(whyNoPreview('text/plain', null), null);
  assert.match(whyNoPreview('application/json', 256 * 1024 + 1) ?? '', /too large/);
  assert.match(whyNoPreview('application/zip', 10) ?? '', /no text/);
});
