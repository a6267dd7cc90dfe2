// A tab that comes back from a provider's consent. Where another tab waits for that, it is told, and this one is done.
import { setQuery, currentPlace } from './router.ts';
import { createStore } from './store.ts';
import { providerName } from './text.ts';

/** What tabs of the dashboard tell each other about consents. No token goes this way. */
export type ConsentMessage = { kind: 'connected' | 'taken'; provider: string };

export interface ConsentEnd {
  provider: string;
  /** Whether the tab in which it began has taken over. */
  isTaken: boolean;
}

export const CONSENT_CHANNEL = 'zixly';

const BY_CONSENT = ['xero', 'hubspot', 'shopify', 'asana'];

export const consentEnd = createStore<ConsentEnd | null>(null);

/** Reads `?connected=` of the address, takes it out, and tells the other tabs. */
export function announceConsent(): void {
  const { path, query } = currentPlace();
  const provider = connectedIn(path, query);
  if (provider === null) return;
  setQuery({ connected: null }, true);
  consentEnd.set({ provider, isTaken: false });
  if (!('BroadcastChannel' in globalThis)) return;
  const tabs = new BroadcastChannel(CONSENT_CHANNEL);
  tabs.addEventListener('message', ({ data }: MessageEvent<ConsentMessage>) => {
    if (data.kind !== 'taken' || data.provider !== provider) return;
    consentEnd.set({ provider, isTaken: true });
  });
  tabs.postMessage({ kind: 'connected', provider } satisfies ConsentMessage);
}

/** The provider that the address says is connected; null for any other address. Pure. */
export function connectedIn(path: string, query: URLSearchParams): string | null {
  const provider = query.get('connected');
  return path === '/connections' && provider !== null && BY_CONSENT.includes(provider) ? provider : null;
}

export function connectedText(provider: string): string {
  return `${providerName(provider)} is connected.`;
}
