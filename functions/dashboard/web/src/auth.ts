// Who is signed in. Tokens live in this module's memory and nowhere else: a reload asks again, unless another tab of
// the same browser is signed in and hands its session over.
import type { Config } from './api-types.ts';
import { ApiError, callAuth, takeTokensFrom } from './api.ts';
import { createStore } from './store.ts';

interface Session {
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

export type SignIn =
  | { state: 'unknown' }
  | { state: 'out'; notice: string | null }
  /** Somebody who came by a mailed link, and has to choose a password first. */
  | { state: 'new-password'; because: NewPassword }
  | { state: 'in' };

export type NewPassword = 'invite' | 'recovery';

type TabMessage = { kind: 'ask' } | { kind: 'session'; session: Session } | { kind: 'out' };

/** How long before its end a token is renewed. */
const MARGIN_MS = 60_000;
/** How long another tab may take to answer. */
const TAB_ANSWER_MS = 150;

export const signIn = createStore<SignIn>({ state: 'unknown' });

let config: Config | null = null;
let session: Session | null = null;
/** The session of somebody who has no password yet: it is good for nothing else until then. */
let newcomer: Session | null = null;
let renewal: Promise<string | null> | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('zixly-session') : null;

takeTokensFrom({ current: currentToken, renew });

/** Finds a session: in the link that brought us here, or in another tab. */
export async function startSession(known: Config): Promise<void> {
  config = known;
  tabs?.addEventListener('message', (message: MessageEvent<TabMessage>) => hear(message.data));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && session && session.expiresAt - Date.now() < MARGIN_MS) void renew();
  });
  const link = takeFragment();
  if (link?.session && link.because) {
    newcomer = link.session;
    return signIn.set({ state: 'new-password', because: link.because });
  }
  if (link?.session) return open(link.session, true);
  if (link?.error) return void signIn.set({ state: 'out', notice: link.error });
  tabs?.postMessage({ kind: 'ask' } satisfies TabMessage);
  setTimeout(() => session ?? signIn.set({ state: 'out', notice: null }), tabs ? TAB_ANSWER_MS : 0);
}

export async function signInWithPassword(email: string, password: string): Promise<void> {
  const answer = await callAuth(mustConfig(), 'POST', '/token?grant_type=password', { email, password });
  open(sessionOf(answer), true);
}

/** Gives the person of a mailed link a password, and lets him in. */
export async function choosePassword(password: string): Promise<void> {
  if (!newcomer) throw new ApiError(0, 'No link', 'The link is not good any more. Ask for a new one.');
  await callAuth(mustConfig(), 'PUT', '/user', { password }, newcomer.accessToken);
  const opened = newcomer;
  newcomer = null;
  open(opened, true);
}

/** Sends an e-mail with a link that signs in and comes back to this page. */
export async function sendSignInLink(email: string): Promise<void> {
  const back = encodeURIComponent(`${location.origin}${location.pathname}${location.search}`);
  try {
    await callAuth(mustConfig(), 'POST', `/otp?redirect_to=${back}`, { email, create_user: false });
  } catch (error) {
    // So it answers for a stranger's address. Nobody is told whose addresses are known.
    if (!(error instanceof ApiError && error.title === 'otp_disabled')) throw error;
  }
}

/** Ends the session everywhere, on other devices too. Here it ends whatever the service answers. */
export async function signOut(): Promise<void> {
  const token = session?.accessToken;
  close(null, true);
  if (token === undefined) return;
  try {
    await callAuth(mustConfig(), 'POST', '/logout?scope=global', {}, token);
  } catch (error) {
    const why = error instanceof ApiError ? error.message : String(error);
    signIn.set({ state: 'out', notice: `You are signed out here, but perhaps not elsewhere. ${why}` });
  }
}

async function currentToken(): Promise<string | null> {
  if (!session) return null;
  if (session.expiresAt <= Date.now()) return renew();
  return session.accessToken;
}

/** One renewal at a time, in all tabs together: a refresh token is good once. */
function renew(): Promise<string | null> {
  renewal ??= alone(renewNow).finally(() => {
    renewal = null;
  });
  return renewal;
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  const before = session?.refreshToken;
  if (!('locks' in navigator)) return work();
  return navigator.locks.request('zixly-session', async () => {
    const isDoneElsewhere = session !== null && session.refreshToken !== before;
    return isDoneElsewhere ? (session?.accessToken as T) : work();
  });
}

async function renewNow(): Promise<string | null> {
  if (!session) return null;
  try {
    const answer = await callAuth(mustConfig(), 'POST', '/token?grant_type=refresh_token', {
      refresh_token: session.refreshToken,
    });
    open(sessionOf(answer), true);
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;
    if (isRefused) {
      close('Your session has ended. Sign in again.', true);
      return null;
    }
    // The service cannot be reached just now: the token may still be good, and the next call tries again.
    renewLater(15_000);
  }
  return session?.accessToken ?? null;
}

function open(opened: Session, tell: boolean): void {
  session = opened;
  renewLater(opened.expiresAt - Date.now() - MARGIN_MS);
  if (tell) tabs?.postMessage({ kind: 'session', session: opened } satisfies TabMessage);
  if (signIn.get().state !== 'in') signIn.set({ state: 'in' });
}

function close(notice: string | null, tell: boolean): void {
  session = null;
  clearTimeout(timer);
  if (tell) tabs?.postMessage({ kind: 'out' } satisfies TabMessage);
  signIn.set({ state: 'out', notice });
}

function renewLater(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void renew(), Math.max(ms, 1_000));
}

function hear(message: TabMessage): void {
  if (message.kind === 'ask' && session) tabs?.postMessage({ kind: 'session', session } satisfies TabMessage);
  if (message.kind === 'session' && !newcomer && isSamePerson(message.session)) open(message.session, false);
  if (message.kind === 'out' && session) close('You have signed out in another tab.', false);
}

/** A link with somebody else's session, opened in another tab, does not change who is signed in here. */
function isSamePerson(other: Session): boolean {
  return session === null || personOf(other) === personOf(session);
}

function personOf({ accessToken }: Session): string | null {
  try {
    const claims = accessToken.split('.')[1] ?? '';
    return JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/'))).sub ?? null;
  } catch {
    return null;
  }
}

/** What a sign-in link left behind the `#`; it is taken out of the address and the history at once. */
function takeFragment(): { session?: Session; because?: NewPassword; error?: string } | null {
  const values = new URLSearchParams(location.hash.slice(1));
  const isOurs = values.has('access_token') || values.has('error_description') || values.has('error_code');
  if (!isOurs) return null;
  history.replaceState(history.state, '', `${location.pathname}${location.search}`);
  const problem = values.get('error_description');
  if (problem) return { error: `The link did not work: ${problem}. Ask for a new one.` };
  try {
    const opened = sessionOf(Object.fromEntries(values));
    const type = values.get('type');
    return type === 'invite' || type === 'recovery' ? { session: opened, because: type } : { session: opened };
  } catch {
    return { error: 'The link did not work. Ask for a new one.' };
  }
}

function sessionOf(answer: unknown): Session {
  const { access_token, refresh_token, expires_in } = (answer ?? {}) as Record<string, unknown>;
  if (typeof access_token !== 'string' || typeof refresh_token !== 'string') {
    throw new ApiError(502, 'Sign-in failed', 'The sign-in service gave no tokens. Try again.');
  }
  const seconds = Number(expires_in);
  const lifeMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 3_600_000;
  return { accessToken: access_token, refreshToken: refresh_token, expiresAt: Date.now() + lifeMs };
}

function mustConfig(): Config {
  if (!config) throw new ApiError(0, 'Not ready', 'The page is still starting. Try again.');
  return config;
}
