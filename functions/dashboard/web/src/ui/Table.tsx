// A table of which only the rows in sight exist, so that thousands scroll as well as ten. The page scrolls, not the table.
// `j` and `k` move from row to row, Enter opens the row's link. Where it is narrow, a row takes two lines.
import type { ComponentChildren, TargetedMouseEvent } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useShortcut } from '../keyboard.ts';
import { hrefTo } from '../router.ts';
import { follow } from './Link.tsx';
import { rowsInSight } from './rows.ts';

export interface TableColumn<Row> {
  key: string;
  label: string;
  /** A width of the grid: `120px`, `minmax(0, 2fr)`. */
  width: string;
  /** Where it goes when a row takes two lines; left out without. */
  narrow?: 'title' | 'end' | 'below' | 'below-end';
  isNumber?: boolean;
  show: (row: Row) => ComponentChildren;
}

interface Props<Row> {
  label: string;
  columns: ReadonlyArray<TableColumn<Row>>;
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  /** The page that a row opens; its first link goes there too. */
  hrefOf: (row: Row) => string;
  /** The row that has the focus, or null. */
  onCursor?: (row: Row | null) => void;
  onNearEnd?: (() => void) | undefined;
}

const NARROW_PX = 720;
const ROW_PX = 37;
const NARROW_ROW_PX = 61;
/** How many rows before the end more are asked for. */
const NEAR_END = 12;

export function Table<Row>({ label, columns, rows, keyOf, hrefOf, onCursor, onNearEnd }: Props<Row>) {
  const table = useRef<HTMLTableElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const [isNarrow, setNarrow] = useState(false);
  const rowPx = isNarrow ? NARROW_ROW_PX : ROW_PX;
  const sight = useSight(body, rowPx, rows.length);
  const moveTo = useCursor(body, rows.length, rowPx);

  useLayoutEffect(() => {
    const measure = () => setNarrow((table.current?.offsetWidth ?? NARROW_PX) < NARROW_PX);
    measure();
    const observer = new ResizeObserver(measure);
    if (table.current) observer.observe(table.current);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (sight.to >= rows.length - NEAR_END) onNearEnd?.();
  }, [sight.to, rows.length]);

  const template = isNarrow ? undefined : columns.map((column) => column.width).join(' ');
  const open = (event: TargetedMouseEvent<HTMLTableRowElement>, row: Row) => {
    const isOnControl = (event.target as Element).closest('a, button');
    if (!isOnControl && !getSelection()?.toString()) follow(event, hrefTo(hrefOf(row)));
  };

  // The roles are those that the elements have anyway; the grid of the style would take them away.
  return (
    <table
      ref={table}
      class={`grid ${isNarrow ? 'is-narrow' : ''}`}
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      onFocusOut={() => onCursor?.(null)}
    >
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          {columns.map((column) => (
            <th key={column.key} role="columnheader" scope="col" class={column.isNumber ? 'number' : ''}>
              {column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body} role="rowgroup" style={{ height: `${rows.length * rowPx}px` }}>
        {rows.slice(sight.from, sight.to).map((row, offset) => {
          const index = sight.from + offset;
          return (
            <tr
              key={keyOf(row)}
              role="row"
              aria-rowindex={index + 2}
              data-index={index}
              style={{ gridTemplateColumns: template, top: `${index * rowPx}px`, height: `${rowPx}px` }}
              onClick={(event) => open(event, row)}
              onFocusIn={() => {
                moveTo.current = index;
                onCursor?.(row);
              }}
            >
              {columns.map((column) => (
                <td
                  key={column.key}
                  role="cell"
                  class={`${column.isNumber ? 'number' : ''} at-${column.narrow ?? 'none'}`}
                >
                  {column.show(row)}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Which rows are in the window, and a few around it. */
function useSight(body: { current: HTMLElement | null }, rowPx: number, count: number) {
  const [sight, setSight] = useState({ from: 0, to: Math.min(count, 40) });
  useLayoutEffect(() => {
    const look = () => {
      if (!body.current) return;
      const next = rowsInSight(body.current.getBoundingClientRect().top, innerHeight, rowPx, count);
      setSight((before) => (before.from === next.from && before.to === next.to ? before : next));
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [rowPx, count]);
  return { from: Math.min(sight.from, count), to: Math.min(sight.to, count) };
}

/** Moves the focus by `j` and `k`, to rows that may have to be scrolled into being first. */
function useCursor(body: { current: HTMLElement | null }, count: number, rowPx: number) {
  const at = useRef(-1);
  const go = (index: number) => {
    if (!body.current || count === 0) return;
    const next = Math.max(0, Math.min(index, count - 1));
    at.current = next;
    bringIntoSight(body.current, next, rowPx);
    requestAnimationFrame(() => {
      body.current?.querySelector<HTMLElement>(`[data-index="${next}"] a`)?.focus({ preventScroll: true });
    });
  };
  useShortcut('j', () => go(at.current + 1));
  useShortcut('k', () => go(at.current - 1));
  return at;
}

function bringIntoSight(body: HTMLElement, index: number, rowPx: number): void {
  const top = body.getBoundingClientRect().top + index * rowPx;
  const headRoom = 120;
  if (top < headRoom) scrollBy(0, top - headRoom);
  if (top + rowPx > innerHeight - 24) scrollBy(0, top + rowPx - innerHeight + 24);
}
