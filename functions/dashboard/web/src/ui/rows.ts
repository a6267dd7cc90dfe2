// Which rows of a long table are worth drawing. Pure.

/** Rows drawn above and below the window, so that scrolling meets none that is missing. */
const AROUND = 12;

export function rowsInSight(
  tableTop: number,
  windowHeight: number,
  rowHeight: number,
  count: number,
): { from: number; to: number } {
  const first = Math.floor(-tableTop / rowHeight) - AROUND;
  const last = Math.ceil((windowHeight - tableTop) / rowHeight) + AROUND;
  const from = Math.max(0, Math.min(first, count));
  return { from, to: Math.max(from, Math.min(last, count)) };
}
