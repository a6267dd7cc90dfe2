// A table of a few rows. The roles are those that the elements have anyway; the style of a narrow window, which lays
// each row out as a block, would take them away.
import type { ComponentChildren } from 'preact';

interface Props {
  label: string;
  /** What the last column holds is done with the row. */
  hasActions?: boolean;
  columns: readonly string[];
  children: ComponentChildren;
}

export function PlainTable({ label, hasActions = false, columns, children }: Props) {
  return (
    <table class={`plain ${hasActions ? 'has-actions' : ''}`} role="table" aria-label={label}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th role="columnheader" scope="col" key={column}>
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  );
}

export function RowHead({ children }: { children: ComponentChildren }) {
  return (
    <th role="rowheader" scope="row">
      {children}
    </th>
  );
}

interface CellProps {
  /** Its column, where a narrow window shows no heads and the value alone says too little. */
  label?: string;
  class?: string;
  children?: ComponentChildren;
}

export function Cell({ label, class: extra, children }: CellProps) {
  return (
    <td role="cell" class={extra} data-label={label}>
      {children}
    </td>
  );
}
