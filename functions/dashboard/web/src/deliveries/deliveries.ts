// What the pages say about a delivery. Pure.
import type { Delivery, DeliverySummary } from '../api-types.ts';
import type { Tone } from '../ui/Status.tsx';

type Outcome = DeliverySummary['outcome'];

export const OUTCOMES: Record<Outcome, { word: string; tone: Tone; meaning: string }> = {
  ACCEPTED: { word: 'Accepted', tone: 'good', meaning: 'Its events were new, and what follows from them has begun.' },
  DUPLICATE: { word: 'Duplicate', tone: 'quiet', meaning: 'All its events had come before, so nothing began twice.' },
  UNMATCHED: { word: 'Unmatched', tone: 'warn', meaning: 'No connection or workflow wanted its events.' },
  MALFORMED: { word: 'Malformed', tone: 'bad', meaning: 'The signature was right, but the body could not be read.' },
  EMPTY: { word: 'Empty', tone: 'quiet', meaning: 'It carried no event; a provider that says it is there.' },
};

export function isOutcome(text: string | null): text is Outcome {
  return text !== null && text in OUTCOMES;
}

export type Body = { kind: 'json'; value: unknown } | { kind: 'text'; text: string } | { kind: 'none' };

/** The body as it can be read best; one that was cut off is text, since half a JSON is none. */
export function bodyOf(delivery: Pick<Delivery, 'body' | 'body_encoding' | 'is_truncated'>): Body {
  if (delivery.body === '') return { kind: 'none' };
  if (delivery.body_encoding === 'text' && !delivery.is_truncated) {
    try {
      return { kind: 'json', value: JSON.parse(delivery.body) as unknown };
    } catch {
      // Text then, as it came.
    }
  }
  return { kind: 'text', text: delivery.body };
}
