// JSON to fold and unfold, with a button that copies it as it is.
import { useState } from 'preact/hooks';
import { clip, visible } from '../text.ts';
import { bytes, counted } from '../time.ts';
import { CopyButton } from './CopyButton.tsx';
import { Icon } from './Icon.tsx';

const OPEN_LEVELS = 3;
const PAGE = 100;
const LONG_TEXT = 300;

export function JsonTree({ value, label }: { value: unknown; label: string }) {
  return (
    <div class="json">
      <CopyButton text={() => JSON.stringify(value, null, 2)} label={`Copy ${label}`} />
      <div class="json-scroll" tabIndex={0} role="group" aria-label={label}>
        <Node value={value} level={0} />
      </div>
    </div>
  );
}

function Node({ name, value, level }: { name?: string; value: unknown; level: number }) {
  if (typeof value === 'object' && value !== null) return <Branch name={name} value={value} level={level} />;
  return (
    <div class="json-leaf">
      <Name name={name} />
      <Leaf value={value} />
    </div>
  );
}

function Branch({ name, value, level }: { name: string | undefined; value: object; level: number }) {
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const [isOpen, setOpen] = useState(level < OPEN_LEVELS && entries.length <= 50);
  const [shown, setShown] = useState(PAGE);
  const size = isList ? counted(entries.length, 'item') : counted(entries.length, 'field');
  if (entries.length === 0) {
    return (
      <div class="json-leaf">
        <Name name={name} />
        <span class="muted">{isList ? '[ ]' : '{ }'}</span>
      </div>
    );
  }
  return (
    <div class="json-branch">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="chevron" />
        <Name name={name} />
        <span class="muted">
          {isList ? '[' : '{'}
          {isOpen ? '' : ` ${size} ${isList ? ']' : '}'}`}
        </span>
      </button>
      {isOpen && (
        <div class="json-children">
          {entries.slice(0, shown).map(([key, child]) => (
            <Node key={key} name={key} value={child} level={level + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" class="link" onClick={() => setShown(shown + PAGE)}>
              Show {Math.min(PAGE, entries.length - shown)} more of {entries.length}
            </button>
          )}
        </div>
      )}
      {isOpen && <div class="muted">{isList ? ']' : '}'}</div>}
    </div>
  );
}

function Name({ name }: { name: string | undefined }) {
  if (name === undefined) return null;
  return (
    <span class="json-name">
      <bdi>{visible(clip(name, LONG_TEXT))}</bdi>:{' '}
    </span>
  );
}

function Leaf({ value }: { value: unknown }) {
  const [isWhole, setWhole] = useState(false);
  if (typeof value !== 'string') return <span class={`json-${value === null ? 'null' : typeof value}`}>{String(value)}</span>;
  const isLong = value.length > LONG_TEXT;
  const shown = isWhole ? value : clip(value, LONG_TEXT);
  return (
    <>
      <span class="json-string">
        "<bdi>{visible(shown)}</bdi>
        {isLong && !isWhole ? '…' : '"'}
      </span>
      {isLong && (
        <button type="button" class="link" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all (${bytes(value.length)})`}
        </button>
      )}
    </>
  );
}
