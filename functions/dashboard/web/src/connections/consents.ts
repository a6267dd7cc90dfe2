// Consents that this tab has begun. The provider's pages open in a tab of their own: the tokens of whoever is signed in
// live in this one's memory, and would be gone with it.
import { startConsent } from '../admin.ts';
import type { Connection } from '../api-types.ts';
import { connectedText, CONSENT_CHANNEL, type ConsentMessage } from '../consent-end.ts';
import { createStore } from '../store.ts';
import { providerName } from '../text.ts';
import { showToast } from '../ui/Toast.tsx';
import { hasArrived } from './arrivals.ts';

export interface Consent {
  provider: string;
  /** Where the provider asks; to be followed by hand where the browser opened no tab. */
  address: string;
  isBlocked: boolean;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** What was connected when it began. */
  before: readonly Connection[];
}

/** The one that is waited for; a second one takes its place. */
export const underWay = createStore<Consent | null>(null);

const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel(CONSENT_CHANNEL) : null;

tabs?.addEventListener('message', ({ data }: MessageEvent<ConsentMessage>) => {
  if (data.kind !== 'connected' || underWay.get()?.provider !== data.provider) return;
  tabs.postMessage({ kind: 'taken', provider: data.provider } satisfies ConsentMessage);
  end(connectedText(data.provider));
});

/** Opens the provider's pages. To be called from a click, or the browser opens no tab. */
export async function beginConsent(
  tenant: string | null,
  provider: string,
  shop: string | null,
  before: readonly Connection[],
): Promise<void> {
  const tab = window.open('', '_blank');
  try {
    const { authorize_url: address, expires_at } = await startConsent(tenant, provider, shop);
    const isBlocked = tab === null || tab.closed;
    underWay.set({ provider, address, isBlocked, expiresAt: Date.parse(expires_at), before });
    if (!tab || isBlocked) return;
    // The provider's pages have no business with ours.
    tab.opener = null;
    tab.location.replace(address);
  } catch (error) {
    tab?.close();
    throw error;
  }
}

/** Whether what is waited for has come, for where the tab at the provider could not tell. */
export function lookForConsent(connections: readonly Connection[], now: number): void {
  const consent = underWay.get();
  if (!consent) return;
  if (hasArrived(consent.before, connections, consent.provider)) return end(connectedText(consent.provider));
  if (now < consent.expiresAt) return;
  underWay.set(null);
  showToast(`${providerName(consent.provider)} was not connected in time. Begin again when you are ready.`, 'problem');
}

export function stopWaiting(): void {
  underWay.set(null);
}

function end(text: string): void {
  underWay.set(null);
  showToast(text, 'good');
}
