// What a job wrote in other systems, each write with its record there.
import type { Effect } from '../api-types.ts';
import { providerName } from '../text.ts';
import { Card, Empty } from '../ui/Frame.tsx';
import { JsonTree } from '../ui/JsonTree.tsx';
import { ExternalLink } from '../ui/Link.tsx';
import { Mark, type Tone } from '../ui/Status.tsx';
import { Line } from '../ui/Text.tsx';
import { RelativeTime } from '../ui/Time.tsx';

const STATES: Record<Effect['status'], { tone: Tone; word: string; meaning: string }> = {
  INTENDED: { tone: 'busy', word: 'Intended', meaning: 'Noted before the write; whether it was made is not known yet.' },
  DONE: { tone: 'good', word: 'Done', meaning: 'The record is there.' },
  REFUSED: { tone: 'bad', word: 'Refused', meaning: 'The provider did not take it.' },
  UNKNOWN: { tone: 'warn', word: 'Unknown', meaning: 'The answer was lost and nobody can look; it is not sent twice.' },
  DRY_RUN: { tone: 'quiet', word: 'Would write', meaning: 'A dry run: nothing was sent, and there is no record.' },
};

export function Effects({ effects }: { effects: readonly Effect[] }) {
  return (
    <Card title="Effects" id="effects">
      <EffectList effects={effects} />
    </Card>
  );
}

export function EffectList({ effects }: { effects: readonly Effect[] }) {
  if (effects.length === 0) return <Empty title="Nothing written in another system." />;
  return (
    <ul class="entries">
      {effects.map((effect) => (
        <EffectEntry key={effect.effect_id} effect={effect} />
      ))}
    </ul>
  );
}

function EffectEntry({ effect }: { effect: Effect }) {
  const { tone, word, meaning } = STATES[effect.status];
  return (
    <li>
      <div class="entry-head">
        <Mark tone={tone} word={word} tip={meaning} />
        <span class="entry-title">
          {providerName(effect.provider)}: <Line text={effect.action} most={120} />
        </span>
        <span class="muted small">
          <RelativeTime at={effect.settled_at ?? effect.intended_at} isStop />
        </span>
      </div>
      <p class="muted small">
        <ExternalLink href={effect.url}>
          <Line text={recordOf(effect)} most={120} />
        </ExternalLink>
        {effect.settled_by === 'look' && ' · found by looking, after the answer was lost'}
        {effect.writes > 1 && ` · sent ${effect.writes} times`}
      </p>
      <details class="fold">
        <summary>Request</summary>
        <JsonTree value={effect.request} label="request" />
      </details>
    </li>
  );
}

/** A dry run has a stand-in for an id, which says nothing. */
function recordOf({ status, provider_record_id, target }: Effect): string {
  return status === 'DRY_RUN' ? target : (provider_record_id ?? target);
}
