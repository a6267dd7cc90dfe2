// A range of time by name, or by two instants where the reader is.
import { setQuery } from '../router.ts';
import { localShort, RANGES, type TimeRange } from '../time.ts';
import { Icon } from './Icon.tsx';

interface Props {
  range: TimeRange;
  /** The label of no limit, where the view allows that. */
  anyLabel?: string;
}

export function RangePicker({ range, anyLabel }: Props) {
  const isFree = range.name === '' && (range.from !== null || range.to !== null);
  const choose = (name: string) => {
    if (name !== 'free') return setQuery({ range: name, from: null, to: null, cursor: null });
    const to = new Date();
    setQuery({ range: null, from: new Date(to.getTime() - 3_600_000).toISOString(), to: to.toISOString() });
  };
  return (
    <div class="range">
      <label class="select">
        <span class="sr-only">Time range</span>
        <select value={isFree ? 'free' : range.name} onChange={(event) => choose(event.currentTarget.value)}>
          {anyLabel && <option value="">{anyLabel}</option>}
          {RANGES.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
          <option value="free">From … to …</option>
        </select>
      </label>
      {isFree && (
        <>
          <Instant label="From" value={range.from} onChange={(from) => setQuery({ from }, true)} />
          <Instant label="To" value={range.to} onChange={(to) => setQuery({ to }, true)} />
          <button
            type="button"
            class="icon-button"
            aria-label="Back to the usual time range"
            onClick={() => setQuery({ range: null, from: null, to: null })}
          >
            <Icon name="close" />
          </button>
        </>
      )}
    </div>
  );
}

/** `3 Nov, 10:00 – 11:00`, for a sentence. */
export function rangeText(range: TimeRange, now: number): string {
  const named = RANGES.find(({ name }) => name === range.name);
  if (named) return named.label.toLowerCase();
  const from = range.from ? Date.parse(range.from) : null;
  const to = range.to ? Date.parse(range.to) : now;
  if (from === null) return `until ${localShort(to, Number.POSITIVE_INFINITY)}`;
  return `${new Date(from).toLocaleString()} – ${localShort(to, to - from)}`;
}

interface InstantProps {
  label: string;
  value: string | null;
  onChange: (value: string | null) => void;
}

function Instant({ label, value, onChange }: InstantProps) {
  const take = (text: string) => {
    const at = Date.parse(text);
    onChange(Number.isNaN(at) ? null : new Date(at).toISOString());
  };
  return (
    <label class="instant">
      <span>{label}</span>
      <input
        type="datetime-local"
        step="1"
        value={value ? localInput(value) : ''}
        onChange={(event) => take(event.currentTarget.value)}
      />
    </label>
  );
}

/** As the input wants it: local, to the second. */
function localInput(iso: string): string {
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
