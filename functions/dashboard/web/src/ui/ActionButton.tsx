// A button that may not be pressed says why, to the eye, to the finger and to a screen reader.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { showToast } from './Toast.tsx';

interface Props {
  /** Why it cannot be done, or null when it can. */
  whyNot: string | null;
  onPress: () => void;
  /** The key that does the same. */
  keys?: string;
  children: ComponentChildren;
}

export function ActionButton({ whyNot, onPress, keys, children }: Props) {
  const reasonId = useId();
  return (
    <>
      {/* Not `disabled`, which would take the reason away from keyboard and pointer alike. */}
      <button
        type="button"
        class="button"
        aria-disabled={whyNot !== null}
        aria-describedby={whyNot === null ? undefined : reasonId}
        aria-keyshortcuts={keys}
        data-tip={whyNot ?? undefined}
        onClick={() => (whyNot === null ? onPress() : showToast(whyNot))}
      >
        {children}
      </button>
      {whyNot !== null && (
        <span id={reasonId} class="sr-only">
          {whyNot}
        </span>
      )}
    </>
  );
}
