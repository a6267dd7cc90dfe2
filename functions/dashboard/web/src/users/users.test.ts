import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../admin-types.ts';
import { whyFixed } from './users.ts';

const user = (user_id: string, role: Role) => ({ user_id, role, email: `${user_id}@example.com`, created_at: '' });

test('the last admin stays, and nobody changes himself', () => {
  const [one, two, viewer] = [user('1', 'ADMIN'), user('2', 'ADMIN'), user('3', 'VIEWER')];
  assert.match(whyFixed(one, [one, viewer], '9') ?? '', /last admin/);
  assert.match(whyFixed(one, [one, two], '1') ?? '', /This is you/);
  assert.equal(whyFixed(two, [one, two], '1'), null);
  assert.equal(whyFixed(viewer, [one, viewer], '1'), null);
});
