// How a result file may be looked at without leaving the page. Pure.

export const MOST_PREVIEW_BYTES = 256 * 1024;

export type Preview =
  | { kind: 'json'; value: unknown }
  | { kind: 'lines'; values: unknown[]; broken: number }
  | { kind: 'text'; text: string };

/** Why there is no preview, or null when there is one. */
export function whyNoPreview(contentType: string, sizeBytes: number | null): string | null {
  if (!isReadable(contentType)) return 'It is no text, so download it to look at it.';
  if (sizeBytes !== null && sizeBytes > MOST_PREVIEW_BYTES) return 'It is too large to be shown here; download it.';
  return null;
}

export function previewOf(contentType: string, text: string): Preview {
  if (isLines(contentType)) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const parsed = lines.map(parseLine);
    const values = parsed.flatMap((line) => (line.isJson ? [line.value] : []));
    return { kind: 'lines', values, broken: lines.length - values.length };
  }
  if (contentType.includes('json')) {
    const parsed = parseLine(text);
    if (parsed.isJson) return { kind: 'json', value: parsed.value };
  }
  return { kind: 'text', text };
}

function isReadable(contentType: string): boolean {
  return /^text\/|json|csv|xml/.test(contentType);
}

function isLines(contentType: string): boolean {
  return /ndjson|jsonl|json-seq|jsonlines/.test(contentType);
}

function parseLine(text: string): { isJson: true; value: unknown } | { isJson: false } {
  try {
    return { isJson: true, value: JSON.parse(text) as unknown };
  } catch {
    return { isJson: false };
  }
}
