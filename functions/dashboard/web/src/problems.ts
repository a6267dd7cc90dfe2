// Which field of a form a problem belongs to. Pure.
import type { FieldProblem } from './api.ts';

/** What is wrong with one field that is shown: with it, or with an entry of it. */
export function problemOf(problems: readonly FieldProblem[], shown: readonly string[], field: string): string | null {
  const own = problems.filter((problem) => ownerOf(problem.field, shown) === field);
  return own.length === 0 ? null : own.map(({ rule }) => rule).join(' ');
}

/** What the fields that are shown do not say themselves. */
export function problemOfWhole(problems: readonly FieldProblem[], shown: readonly string[], message: string): string | null {
  if (problems.length === 0) return message;
  const others = problems.filter((problem) => ownerOf(problem.field, shown) === null);
  if (others.length === 0) return null;
  return others.map(({ field, rule }) => (field === '' ? rule : `${field}: ${rule}`)).join(' ');
}

/** The longest path that is, or holds, the one of the problem. The settings' own paths stand below `settings` in a call. */
function ownerOf(field: string, shown: readonly string[]): string | null {
  const path = field.replace(/^settings\./, '');
  const owners = shown.filter((name) => path === name || path.startsWith(`${name}[`) || path.startsWith(`${name}.`));
  return owners.sort((a, b) => b.length - a.length)[0] ?? null;
}
