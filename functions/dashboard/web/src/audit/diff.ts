// What a change changed, field by field. Pure.

export interface FieldChange {
  /** `settings.notifications[0].channel`; empty where there was no more than one value. */
  path: string;
  /** Null for what was not there. */
  before: string | null;
  after: string | null;
}

/** The fields that differ; where there is no before, or no after, all of them. */
export function changesOf(before: unknown, after: unknown): FieldChange[] {
  const left = leavesOf(before);
  const right = leavesOf(after);
  const paths = [...new Set([...left.keys(), ...right.keys()])];
  return paths
    .map((path) => ({ path, before: left.get(path) ?? null, after: right.get(path) ?? null }))
    .filter((change) => change.before !== change.after);
}

function leavesOf(value: unknown): Map<string, string> {
  const leaves = new Map<string, string>();
  if (value !== null && value !== undefined) collect(value, '', leaves);
  return leaves;
}

function collect(value: unknown, path: string, leaves: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) {
    leaves.set(path, typeof value === 'string' ? value : JSON.stringify(value));
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) leaves.set(path, Array.isArray(value) ? 'none' : 'empty');
  for (const [name, child] of entries) collect(child, below(path, name, Array.isArray(value)), leaves);
}

function below(path: string, name: string, isInList: boolean): string {
  if (isInList) return `${path}[${name}]`;
  return path === '' ? name : `${path}.${name}`;
}
