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
  /** What it is called where its own text would not tell it from the next. */
  label?: string;
  isSmall?: boolean;
  isMain?: boolean;
  children: ComponentChildren;
}

export function ActionButton({ whyNot, onPress, keys, label, isSmall, isMain, children }: Props) {
  const reasonId = useId();
  const classes = ['button', isSmall && 'is-small', isMain && whyNot === null && 'is-main'];
  return (
    <>
      {/* Not `disabled`, which would take the reason away from keyboard and pointer alike. */}
      <button
        type="button"
        class={classes.filter(Boolean).join(' ')}
        aria-label={label}
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
