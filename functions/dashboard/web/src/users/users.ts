// Who may be changed by whom. Pure.
import type { Role, User } from '../admin-types.ts';

export const ROLES: ReadonlyArray<{ role: Role; meaning: string }> = [
  { role: 'VIEWER', meaning: 'Sees everything, changes nothing.' },
  { role: 'EDITOR', meaning: 'Also starts, retries and cancels jobs.' },
  { role: 'ADMIN', meaning: 'Also connects systems, sets workflows up, and manages users and keys.' },
];

/** Why this user's role may not be changed, nor he removed, or null when both may be. */
export function whyFixed(user: User, users: readonly User[], ownId: string): string | null {
  const admins = users.filter(({ role }) => role === 'ADMIN');
  if (user.role === 'ADMIN' && admins.length === 1) {
    return 'This is the last admin. Make somebody else an admin first.';
  }
  if (user.user_id === ownId) return 'This is you. Another admin has to do it.';
  return null;
}
