// A few fields in front of the page, sent together.
import type { ComponentChildren } from 'preact';
import type { Sending } from '../useSend.ts';
import { Dialog } from './Dialog.tsx';
import { ProblemLine } from './Field.tsx';

interface Props {
  title: string;
  submitLabel: string;
  sending: Sending;
  onSubmit: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function FormDialog({ title, submitLabel, sending, onSubmit, onClose, children }: Props) {
  const submit = (event: Event) => {
    event.preventDefault();
    if (!sending.isBusy) void sending.send(onSubmit);
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form class="form" onSubmit={submit} noValidate>
        {children}
        {sending.problem !== null && <ProblemLine text={sending.problem} />}
        <footer>
          <button type="button" class="button" onClick={onClose}>
            Leave it
          </button>
          <button type="submit" class="button is-main" disabled={sending.isBusy}>
            {sending.isBusy ? 'One moment…' : submitLabel}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
