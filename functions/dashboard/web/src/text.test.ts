import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clip, safeLink, shortId, visible, visibleLine } from './text.ts';

test('what cannot be seen is shown', () => {
  assert.equal(visible('a\u0007b\u001b[31m\u007f'), 'a␇b␛[31m␡');
  assert.equal(visible('evil\u202egpj.exe'), 'evil⟨U+202E⟩gpj.exe');
  assert.equal(visible('zero\u200bwidth\ufeff'), 'zero⟨U+200B⟩width⟨U+FEFF⟩');
  assert.equal(visible('tag\u{e0041}'), 'tag⟨U+E0041⟩');
});

test('lines and tabs stay lines and tabs, but not in one line', () => {
  assert.equal(visible('a\n\tb'), 'a\n\tb');
  assert.equal(visibleLine('a\n\tb'), 'a␊ b');
});

test('words of any script and pictures are left alone', () => {
  for (const text of ['Žluťoučký kůň', 'שלום', '日本語', '👍🏽', '<b>not HTML</b>']) assert.equal(visible(text), text);
});

test('a clip never halves a character', () => {
  assert.equal(clip('ab😀cd', 3), 'ab');
  assert.equal(clip('ab😀cd', 4), 'ab😀');
  assert.equal(clip('short', 10), 'short');
});

test('only web addresses are followed', () => {
  assert.equal(safeLink('https://go.xero.com/x'), 'https://go.xero.com/x');
  for (const address of ['javascript:alert(1)', 'data:text/html,x', '//host/path', 'nonsense', '', null]) {
    assert.equal(safeLink(address), null);
  }
});

test('a short id is the end of it', () => {
  assert.equal(shortId('019aab12-3456-7890-8abc-def012345678'), '12345678');
});
