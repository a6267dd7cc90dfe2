// A question in front of the page. The browser's own dialog keeps the focus in it and closes on Esc.
import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { useSend } from '../useSend.ts';
import { Icon } from './Icon.tsx';

interface Props {
  title: string;
  children: ComponentChildren;
  onClose: () => void;
}

export function Dialog({ title, children, onClose }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    dialog?.showModal();
    return () => {
      // Back to where the reader was, unless he has gone on already.
      const isFocusHere = document.activeElement === document.body || dialog?.contains(document.activeElement);
      if (isFocusHere && before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={element} class="dialog" aria-labelledby={titleId} onClose={onClose}>
      <header>
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps extends Props {
  confirmLabel: string;
  isDangerous?: boolean;
  /** Does what was asked; what goes wrong is said in the dialog, which stays. */
  onConfirm: () => Promise<void>;
}

export function Confirm({ children, confirmLabel, isDangerous, onConfirm, ...dialog }: ConfirmProps) {
  const { isBusy, problem, send } = useSend();
  return (
    <Dialog {...dialog}>
      <div class="dialog-text">{children}</div>
      {problem && (
        <p class="field-problem" role="alert">
          <Icon name="warning" /> {problem}
        </p>
      )}
      <footer>
        <button type="button" class="button" onClick={dialog.onClose}>
          Keep as it is
        </button>
        <button
          type="button"
          class={`button is-main ${isDangerous ? 'is-dangerous' : ''}`}
          disabled={isBusy}
          onClick={() => void send(onConfirm)}
        >
          {isBusy ? 'Asking…' : confirmLabel}
        </button>
      </footer>
    </Dialog>
  );
}
