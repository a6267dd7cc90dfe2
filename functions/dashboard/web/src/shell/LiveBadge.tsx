// How news of jobs reaches this page just now.
import { liveState, type LiveState } from '../live.ts';
import { useStore } from '../store.ts';

const WORDS: Record<LiveState, { word: string; meaning: string }> = {
  connecting: { word: 'Connecting', meaning: 'Finding the best way to hear of changes.' },
  live: { word: 'Live', meaning: 'Changes are pushed to this page as they happen.' },
  stream: { word: 'Stream', meaning: 'The live connection is away; this page asks for changes every few seconds.' },
  polling: { word: 'Polling', meaning: 'The live connection is away; this page is loaded again every ten seconds.' },
  paused: { word: 'Paused', meaning: 'Nobody is looking, so nothing is loaded.' },
};

export function LiveBadge() {
  const state = useStore(liveState);
  const { word, meaning } = WORDS[state];
  return (
    <span class={`live is-${state}`} role="status" aria-label={`Updates: ${word}`} data-tip={meaning} tabIndex={0}>
      <span class="live-dot" aria-hidden="true" />
      {word}
    </span>
  );
}
