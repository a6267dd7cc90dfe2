// Keys that do something wherever the focus is, except while somebody types.
import { useEffect, useRef } from 'preact/hooks';
import { createStore } from './store.ts';

export interface Shortcut {
  /** As it is typed: `r`, `?`, `g j`. */
  keys: string;
  does: string;
}

/** Whether single keys do anything: people who dictate need to be able to turn them off. */
export const areShortcutsOn = createStore(true);

const SECOND_KEY_MS = 1_200;
const actions = new Map<string, Array<() => void>>();
let first: { key: string; at: number } | null = null;

globalThis.document?.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || !areShortcutsOn.get() || isTyping(event)) return;
  const typed = typedKeys(event.key, first, event.timeStamp);
  first = typed.first;
  const action = actions.get(typed.keys)?.at(-1);
  if (!action) return;
  event.preventDefault();
  action();
});

/** While the component is shown, `keys` calls `act`; of several, the one shown last wins. */
export function useShortcut(keys: string, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const call = () => latest.current();
    const before = actions.get(keys) ?? [];
    actions.set(keys, [...before, call]);
    return () => {
      actions.set(keys, (actions.get(keys) ?? []).filter((other) => other !== call));
    };
  }, [keys]);
}

/** What has been typed, a `g` before it included. Pure. */
export function typedKeys(
  key: string,
  before: { key: string; at: number } | null,
  at: number,
): { keys: string; first: { key: string; at: number } | null } {
  if (before && at - before.at <= SECOND_KEY_MS) return { keys: `${before.key} ${key}`, first: null };
  return key === 'g' ? { keys: key, first: { key, at } } : { keys: key, first: null };
}

function isTyping(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  const target = event.target as HTMLElement | null;
  if (target?.closest('dialog')) return true;
  return Boolean(target?.closest('input:not([type=checkbox]), textarea, select, [contenteditable]'));
}
