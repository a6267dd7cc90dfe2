// Connecting: a provider's consent in a tab of its own, or a key.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Connectable } from '../admin-types.ts';
import { connectByKey, fetchConnections } from '../admin.ts';
import type { Connection } from '../api-types.ts';
import { asApiError, useView, type View } from '../load.ts';
import { useViewer, whyNotAdmin } from '../me.ts';
import { useStore } from '../store.ts';
import { providerName, safeLink } from '../text.ts';
import { ActionButton } from '../ui/ActionButton.tsx';
import { TextField } from '../ui/Field.tsx';
import { FormDialog } from '../ui/FormDialog.tsx';
import { Icon } from '../ui/Icon.tsx';
import { showToast } from '../ui/Toast.tsx';
import { useSend } from '../useSend.ts';
import { shopDomain } from './arrivals.ts';
import { beginConsent, lookForConsent, stopWaiting, underWay } from './consents.ts';

/** How often it is looked whether a consent has come, should its tab not tell. */
const LOOK_MS = 4_000;

export interface Connecting {
  /** Why this provider cannot be connected just now, or null when it can. */
  whyNot: (provider: string) => string | null;
  /** `shop` is the one that is to be authorised again. */
  connect: (provider: string, shop?: string) => void;
  dialog: ComponentChildren;
}

/** What it takes to connect, for a page that shows these connections and can load them anew. */
export function useConnecting(connections: readonly Connection[], reload: () => void): Connecting {
  const viewer = useViewer();
  const { tenant } = viewer;
  const [asked, setAsked] = useState<'shopify' | 'slack' | null>(null);
  const providers = useConnectables();
  useConsentEnd(connections, reload);

  const whyNot = (provider: string) => whyNotAdmin(viewer) ?? whyNotConfigured(providers, provider);
  const begin = (provider: string, shop: string | null) => beginConsent(tenant, provider, shop, connections);
  const connect = (provider: string, shop?: string) => {
    if (provider === 'slack') return setAsked('slack');
    if (provider === 'shopify' && shop === undefined) return setAsked('shopify');
    begin(provider, shop ?? null).catch((cause: unknown) => showToast(asApiError(cause).message, 'problem'));
  };
  const close = () => setAsked(null);
  const dialog = (
    <>
      {asked === 'shopify' && <ShopDialog onClose={close} onBegin={(shop) => begin('shopify', shop)} />}
      {asked === 'slack' && (
        <SlackDialog
          onClose={close}
          onDone={() => {
            close();
            reload();
          }}
        />
      )}
    </>
  );
  return { whyNot, connect, dialog };
}

export function ConnectButton({ provider, connecting }: { provider: string; connecting: Connecting }) {
  return (
    <ActionButton whyNot={connecting.whyNot(provider)} onPress={() => connecting.connect(provider)}>
      <Icon name="plus" /> Connect {providerName(provider)}
    </ActionButton>
  );
}

/** What is waited for, while it is. */
export function ConsentNote() {
  const consent = useStore(underWay);
  if (!consent) return null;
  const name = providerName(consent.provider);
  const address = safeLink(consent.address);
  return (
    <p class="note is-waiting is-consent" role="status">
      <Icon name="WAITING" />
      <span>
        {consent.isBlocked ? (
          <>
            The browser opened no tab.{' '}
            {address && (
              <a href={address} target="_blank" rel="noreferrer">
                Open {name}
              </a>
            )}{' '}
            and allow access there; this page goes on by itself.
          </>
        ) : (
          <>{name} asks in another tab. Allow access there; this page goes on by itself.</>
        )}{' '}
        <button type="button" class="link" onClick={stopWaiting}>
          Stop waiting
        </button>
      </span>
    </p>
  );
}

/** What this installation can connect, as far as that is known; nobody but an admin need know. */
function useConnectables(): View<readonly Connectable[]> {
  const viewer = useViewer();
  const { tenant } = viewer;
  const isAdmin = whyNotAdmin(viewer) === null;
  return useView<readonly Connectable[]>(`connectable|${tenant ?? ''}|${isAdmin}`, async (signal) =>
    isAdmin ? (await fetchConnections(tenant, signal)).providers : [],
  ).view;
}

function whyNotConfigured(known: View<readonly Connectable[]>, provider: string): string | null {
  if (known.state === 'loading') return 'One moment: this page asks what can be connected.';
  if (known.state === 'failed') return `What can be connected is not known. ${known.error.message}`;
  if (known.data.find((other) => other.provider === provider)?.is_configured) return null;
  const name = providerName(provider);
  return `This installation has no app at ${name}. Whoever runs it has to register one there first.`;
}

function useConsentEnd(connections: readonly Connection[], reload: () => void): void {
  const consent = useStore(underWay);
  const latest = useRef(reload);
  latest.current = reload;
  useEffect(() => lookForConsent(connections, Date.now()), [connections]);
  useEffect(() => {
    if (!consent) return undefined;
    const look = () => latest.current();
    const timer = setInterval(look, LOOK_MS);
    addEventListener('focus', look);
    return () => {
      clearInterval(timer);
      removeEventListener('focus', look);
      look();
    };
  }, [consent]);
}

interface ShopProps {
  onClose: () => void;
  onBegin: (shop: string) => Promise<void>;
}

function ShopDialog({ onClose, onBegin }: ShopProps) {
  const [typed, setTyped] = useState('');
  const [isRefused, setRefused] = useState(false);
  const sending = useSend(['shop']);
  const submit = async () => {
    const shop = shopDomain(typed);
    setRefused(shop === null);
    if (shop === null) return;
    await onBegin(shop);
    onClose();
  };
  const problem = isRefused ? 'This is no address of a shop. It looks like demo-shop.myshopify.com.' : null;
  return (
    <FormDialog title="Connect Shopify" submitLabel="Go to Shopify" sending={sending} onSubmit={submit} onClose={onClose}>
      <TextField
        label="Address of the shop"
        help="As Shopify calls it, under Settings, Domains."
        placeholder="demo-shop.myshopify.com"
        maxLength={255}
        value={typed}
        onInput={setTyped}
        problem={problem ?? sending.problemOf('shop')}
        isFirst
      />
    </FormDialog>
  );
}

function SlackDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const { tenant } = useViewer();
  const [key, setKey] = useState('');
  const sending = useSend(['key']);
  const submit = async () => {
    const made = await connectByKey(tenant, 'slack', key.trim());
    showToast(`Slack is connected: ${made.account_name}.`, 'good');
    onDone();
  };
  return (
    <FormDialog title="Connect Slack" submitLabel="Connect" sending={sending} onSubmit={submit} onClose={onClose}>
      <TextField
        label="Key"
        type="password"
        help="The URL of an incoming webhook (https://hooks.slack.com/…) for one channel, or a bot's token (xoxb-…) for any. It is tried before it is kept, and never shown again."
        maxLength={500}
        value={key}
        onInput={setKey}
        problem={sending.problemOf('key')}
        isFirst
      />
    </FormDialog>
  );
}
