// A sentence at the edge that goes away by itself; a problem stays until it is closed.
import { createStore, useStore } from '../store.ts';
import { clip, visibleLine } from '../text.ts';
import { Icon } from './Icon.tsx';

type Kind = 'plain' | 'good' | 'problem';

interface Toast {
  id: number;
  text: string;
  kind: Kind;
}

const ICONS = { plain: 'bell', good: 'check', problem: 'warning' } as const;
const SHOWN_MS = 6_000;
const toasts = createStore<readonly Toast[]>([]);
let lastId = 0;

export function showToast(text: string, kind: Kind = 'plain'): void {
  lastId += 1;
  const id = lastId;
  toasts.set([...toasts.get().slice(-3), { id, text, kind }]);
  if (kind !== 'problem') setTimeout(() => close(id), SHOWN_MS);
}

export function Toasts() {
  const shown = useStore(toasts);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, kind }) => (
        <div key={id} class={`toast is-${kind}`}>
          <Icon name={ICONS[kind]} />
          <span>{visibleLine(clip(text, 300))}</span>
          <button type="button" class="icon-button" aria-label="Close this message" onClick={() => close(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

function close(id: number): void {
  toasts.set(toasts.get().filter((toast) => toast.id !== id));
}
