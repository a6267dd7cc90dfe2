// Copies a text to the clipboard, and says that it did.
import { useState } from 'preact/hooks';
import { Icon } from './Icon.tsx';
import { showToast } from './Toast.tsx';

const SAID_MS = 1_500;

export function CopyButton({ text, label }: { text: () => string; label: string }) {
  const [isDone, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      setDone(true);
      setTimeout(() => setDone(false), SAID_MS);
    } catch {
      showToast('The browser does not let this page copy. Select the text and copy it yourself.', 'problem');
    }
  };
  return (
    <button type="button" class="icon-button copy" aria-label={label} data-tip={isDone ? 'Copied' : label} onClick={copy}>
      <Icon name={isDone ? 'check' : 'copy'} />
    </button>
  );
}
