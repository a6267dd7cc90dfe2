// Text from outside: always text, with what cannot be seen made visible and what is long clipped.
import { useState } from 'preact/hooks';
import { clip, visible, visibleLine } from '../text.ts';
import { bytes } from '../time.ts';

/** One line; the layout cuts it with an ellipsis where the place ends. */
export function Line({ text, most = 200 }: { text: string; most?: number }) {
  const short = clip(text, most);
  return <bdi class="line">{visibleLine(short) + (short.length < text.length ? '…' : '')}</bdi>;
}

/** Any length, as it was written; the rest of a long one on demand, in a box that scrolls. */
export function Block({ text, most = 2_000, label }: { text: string; most?: number; label: string }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > most;
  const shown = isWhole ? text : clip(text, most);
  return (
    <div class="block">
      {/* A box that scrolls has to be reachable by keyboard. */}
      <pre tabIndex={0} aria-label={label} role="group">
        <bdi>{visible(shown) + (isLong && !isWhole ? '…' : '')}</bdi>
      </pre>
      {isLong && (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all (${bytes(text.length)})`}
        </button>
      )}
    </div>
  );
}
